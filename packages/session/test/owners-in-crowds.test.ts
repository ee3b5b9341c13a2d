import { setImmediate } from "node:timers/promises";
import { describe, expect, it } from "vitest";
import type { Session } from "../src/index.js";
import { HookedStore } from "./fixtures/hooked-store.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import {
  type Account,
  type Accounts,
  accounts,
  accountsOn,
  devicesOf,
  isAlive,
  logIn,
} from "./fixtures/owned-sessions.js";

/** Returns the number of sessions on the owner's list, and its size in bytes. */
async function listOf(store: { memory: { all(): Promise<Map<string, Uint8Array>> } }) {
  const [data = new Uint8Array()] = [...(await store.memory.all())]
    .filter(([key]) => key.startsWith("@owner."))
    .map(([, bytes]) => bytes);
  return { sessions: JSON.parse(Buffer.from(data).toString()).sessions.length as number, bytes: data.length };
}

describe("of concurrent log-ins of one owner,", () => {
  it("five hundred all succeed, and each is listed", async () => {
    await using app = accounts({ maxPerOwner: 1000 });
    const begun = await Promise.all(
      Array.from({ length: 500 }, (_, at) => logIn(app.sessions, "u1", String(at))),
    );
    const devices = await devicesOf(app.sessions, "u1");
    expect(new Set(devices)).toEqual(new Set(begun.map((session) => session.get("device"))));
    expect(devices).toHaveLength(500);
    expect(await app.sessions.revokeAll("u1")).toBe(500);
    expect(await app.store.keys()).toEqual([]);
  });

  it("five hundred in two processes all succeed", async () => {
    const clock = new MovingClock();
    await using first = new HookedStore(clock.now);
    const second = new HookedStore(clock.now, first.memory);
    first.beforeCall = second.beforeCall = () => setImmediate(); // interleaves the two processes
    const managers = [first, second].map((store) => accountsOn(store, clock.now, { maxPerOwner: 1000 }));
    const logIns = Array.from({ length: 500 }, (_, at) =>
      logIn(managers[at % 2] as Accounts, "u1", String(at)),
    );
    expect(await Promise.allSettled(logIns)).toEqual(
      logIns.map(() => expect.objectContaining({ status: "fulfilled" })),
    );
    expect(await devicesOf(accountsOn(first.memory, clock.now), "u1")).toHaveLength(500);
  });

  it("five hundred in sixteen processes all succeed", async () => {
    const clock = new MovingClock();
    await using memory = new HookedStore(clock.now);
    const managers = Array.from({ length: 16 }, () => {
      const store = new HookedStore(clock.now, memory.memory);
      store.beforeCall = () => setImmediate();
      return accountsOn(store, clock.now, { maxPerOwner: 1000 });
    });
    const logIns = Array.from({ length: 500 }, (_, at) =>
      logIn(managers[at % 16] as Accounts, "u1", String(at)),
    );
    const failed = (await Promise.allSettled(logIns)).filter(({ status }) => status === "rejected");
    expect(failed).toEqual([]);
    expect(await devicesOf(accountsOn(memory.memory, clock.now), "u1")).toHaveLength(500);
  });

  it("five hundred leave the owner a hundred sessions by default", async () => {
    await using app = accounts();
    await Promise.all(Array.from({ length: 500 }, (_, at) => logIn(app.sessions, "u1", String(at))));
    expect(await app.sessions.list("u1")).toHaveLength(100);
    expect(await app.store.keys()).toHaveLength(101);
  });

  it("two thousand keep the list bounded, and end the oldest", { timeout: 120_000 }, async () => {
    await using app = accounts();
    for (let count = 0; count < 2000; count++) {
      await logIn(app.sessions, "u1", String(count));
      app.clock.advance(1);
      if (count % 100 === 0) expect((await listOf(app.store)).sessions).toBeLessThanOrEqual(101);
    }
    const { sessions, bytes } = await listOf(app.store);
    expect(sessions).toBeLessThanOrEqual(101);
    expect(bytes).toBeLessThan(16_384);
    const newest = Array.from({ length: 100 }, (_, at) => String(1999 - at));
    expect(await devicesOf(app.sessions, "u1")).toEqual(newest);
  });
});

describe("revokeAll during endless log-ins", () => {
  it("resolves after it has ended all earlier sessions", async () => {
    const clock = new MovingClock();
    await using store = new HookedStore(clock.now);
    store.beforeCall = () => setImmediate(); // interleaves their calls
    const sessions = accountsOn(store, clock.now);
    const before = await Promise.all(Array.from({ length: 10 }, () => logIn(sessions, "u1")));
    let isDone = false;
    let logIns = 0;
    const client = (async () => {
      while (!isDone) {
        await logIn(sessions, "u1");
        logIns++;
      }
    })();
    expect(await sessions.revokeAll("u1")).toBeGreaterThanOrEqual(10);
    isDone = true;
    await client;
    expect(logIns).toBeGreaterThan(0);
    for (const { token } of before) expect(await isAlive(sessions, token)).toBe(false);
  });

  it("resolves if they are in another process", async () => {
    const clock = new MovingClock();
    await using store = new HookedStore(clock.now);
    const errors: Error[] = [];
    const sessions = accountsOn(store, clock.now, { onError: (error) => errors.push(error) });
    const others = accountsOn(store.memory, clock.now);
    const before = await Promise.all(Array.from({ length: 10 }, () => logIn(sessions, "u1")));
    let isNested = false;
    store.beforeCall = async () => {
      if (!isNested) {
        isNested = true;
        await logIn(others, "u1"); // before each call of revokeAll
        isNested = false;
      }
    };
    expect(await sessions.revokeAll("u1")).toBe(11); // ten, and one from before its first call
    for (const { token } of before) expect(await isAlive(others, token)).toBe(false);
    // The list changed at every call, so its entries stay, which does no harm.
    expect(errors).toEqual([expect.objectContaining({ code: "CONFLICT" })]);
  });
});

describe("a log-in that fails", () => {
  const failing = async (maxPerOwner: number) => {
    const clock = new MovingClock();
    const store = new HookedStore(clock.now);
    const errors: Error[] = [];
    const sessions = accountsOn(store, clock.now, { maxPerOwner, onError: (error) => errors.push(error) });
    return { clock, store, errors, sessions, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
  };

  it.each(["before", "after"] as const)(
    "three times %s its session is written ends no other session under maxPerOwner",
    async (when) => {
      await using app = await failing(3);
      const { sessions, store, clock } = app;
      const begun = [await logIn(sessions, "u1", "a"), await logIn(sessions, "u1", "b")];
      const fail = (method: string, key: string) => {
        if (method === "replace" && !key.startsWith("@owner.")) throw new Error("away");
      };
      if (when === "before") store.beforeCall = fail;
      for (let tries = 0; tries < 3; tries++) {
        const session = await sessions.load(undefined);
        const isBefore = when === "before";
        if (!isBefore) store.beforeCall = fail;
        await expect(sessions.commit(session.set("userId", "u1"))).rejects.toThrow("away");
        if (!isBefore) store.beforeCall = () => undefined;
      }
      store.beforeCall = () => undefined;
      for (const { token } of begun) expect(await isAlive(sessions, token)).toBe(true);
      await logIn(sessions, "u1", "c");
      expect((await devicesOf(sessions, "u1")).sort()).toEqual(["a", "b", "c"]);
      clock.advance(600_000);
      expect((await devicesOf(sessions, "u1")).sort()).toEqual(["a", "b", "c"]);
      await logIn(sessions, "u1", "d");
      expect((await devicesOf(sessions, "u1")).sort()).toEqual(["b", "c", "d"]);
    },
  );

  it("on its owner's list writes no session", async () => {
    await using app = await failing(3);
    app.store.beforeCall = (_, key) => {
      if (key.startsWith("@owner.")) throw new Error("away");
    };
    const session = await app.sessions.load(undefined);
    await expect(app.sessions.commit(session.set("userId", "u1"))).rejects.toThrow("away");
    expect(await app.store.memory.all()).toEqual(new Map());
    app.store.beforeCall = () => undefined;
    await app.sessions.commit(session);
    expect(await isAlive(app.sessions, session.token)).toBe(true);
    expect(await app.sessions.list("u1")).toHaveLength(1);
  });

  it.each<[string, (session: Session<Account>) => unknown, string]>([
    ["is too large", (session) => session.set("device", "x".repeat(70_000)), "TOO_LARGE"],
    ["cannot be stored", (session) => session.set("device", Symbol("x") as never), "INVALID_VALUE"],
  ])("because its session %s leaves no entry, however often", async (_, spoil, code) => {
    await using app = await failing(3);
    await logIn(app.sessions, "u1");
    for (let tries = 0; tries < 10; tries++) {
      const session = await app.sessions.load(undefined);
      spoil(session.set("userId", "u1"));
      await expect(app.sessions.commit(session)).rejects.toMatchObject({ code });
      const visitor = await app.sessions.load(undefined);
      await app.sessions.commit(visitor.set("page", 1));
      spoil(visitor.set("userId", "u1"));
      await expect(app.sessions.commit(visitor)).rejects.toMatchObject({ code });
    }
    expect((await listOf(app.store)).sessions).toBe(1);
    expect(await devicesOf(app.sessions, "u1")).toEqual(["phone"]);
  });

  it("because others change its session too often leaves no entry", async () => {
    await using app = await failing(3);
    await logIn(app.sessions, "u1");
    const visitor = await app.sessions.load(undefined);
    await app.sessions.commit(visitor.set("page", 1));
    const replace = app.store.replace.bind(app.store);
    app.store.replace = async (key, ...rest) => key.startsWith("@owner.") && replace(key, ...rest);
    await expect(app.sessions.commit(visitor.set("userId", "u1"))).rejects.toMatchObject({
      code: "CONFLICT",
    });
    expect((await listOf(app.store)).sessions).toBe(1);
  });

  it("to end the oldest session succeeds itself, and reports the error", async () => {
    await using app = await failing(1);
    const { sessions, store } = app;
    const eldest = await logIn(sessions, "u1", "eldest");
    store.beforeCall = (method, key) => {
      if (method === "replace" && key === eldest.token.split(".")[0]) throw new Error("away");
    };
    const session = await logIn(sessions, "u1", "new");
    expect(await isAlive(sessions, session.token)).toBe(true);
    expect(app.errors).toEqual([expect.objectContaining({ message: "away" })]);
    store.beforeCall = () => undefined;
    await logIn(sessions, "u1", "newer");
    expect(await devicesOf(sessions, "u1")).toEqual(["newer"]);
  });
});

it("maxPerOwner ends the oldest session according to the records, whatever the list contains", async () => {
  const clock = new MovingClock();
  await using store = new HookedStore(clock.now);
  const sessions = accountsOn(store, clock.now, { maxPerOwner: 2, onError: () => undefined });
  const moving = await logIn(sessions, "u1", "moving");
  let lists = 0;
  store.beforeCall = (method, key) => {
    // The last step of the move to another owner fails, so the entry stays on the list of u1.
    if (method === "replace" && key.startsWith("@owner.") && ++lists === 2) throw new Error("away");
  };
  await sessions.commit(moving.set("userId", "u2"));
  store.beforeCall = () => undefined;
  clock.advance(1000);
  await logIn(sessions, "u1", "eldest");
  clock.advance(1000);
  await sessions.commit(moving.set("userId", "u1"));
  clock.advance(1000);
  await logIn(sessions, "u1", "newest");
  expect(await devicesOf(sessions, "u1")).toEqual(["newest", "moving"]);
});

it("a describe() that throws is reported, and the list shows the session without a description", async () => {
  const errors: Error[] = [];
  await using app = accounts({
    describe({ device }: Partial<Account>) {
      if (device === "broken") throw new Error("no such device");
      return device;
    },
    onError: (error) => errors.push(error),
  });
  const broken = await logIn(app.sessions, "u1", "broken");
  app.clock.advance(1);
  await logIn(app.sessions, "u1", "phone");
  expect(await devicesOf(app.sessions, "u1")).toEqual(["phone", undefined]);
  expect(errors).toEqual([expect.objectContaining({ message: "no such device" })]);
  expect((await app.sessions.list("u1"))[1]?.handle).toBe(broken.handle);
  expect(await app.sessions.revoke(broken.handle)).toBe(true);
  expect(await devicesOf(app.sessions, "u1")).toEqual(["phone"]);
});

it("owners that differ only in a lone surrogate or in Unicode form have lists of their own", async () => {
  await using app = accounts();
  const owners = ["u\ud800", "u\ud801", "u\udc00", "u\ufffd", "u�", "\u00e9", "e\u0301", '"', "\\", '\\"'];
  const distinct = [...new Set(owners)];
  for (const owner of distinct) await logIn(app.sessions, owner, JSON.stringify(owner));
  for (const owner of distinct) {
    expect(await devicesOf(app.sessions, owner)).toEqual([JSON.stringify(owner)]);
  }
  expect(await app.sessions.revokeAll("u\ud800")).toBe(1);
  for (const owner of distinct.slice(1)) expect(await app.sessions.list(owner)).toHaveLength(1);
});

describe("a log-in of an owner at the limit", () => {
  it("reads only its own session and the oldest one, for a minute", async () => {
    await using app = accounts({ maxPerOwner: 50 });
    const callsOfLogIn = async () => {
      app.store.takeCalls();
      await logIn(app.sessions, "u1");
      app.clock.advance(1);
      return app.store.takeCalls().length;
    };
    for (let count = 0; count < 51; count++) await callsOfLogIn();
    // Its entry 2, its record 1; list, itself and the oldest 3; the end of the oldest 1, and of its entry 2.
    expect([await callsOfLogIn(), await callsOfLogIn()]).toEqual([9, 9]);
    app.clock.advance(60_000);
    expect(await callsOfLogIn()).toBe(9 + 50); // all sessions
    expect(await callsOfLogIn()).toBe(9);
    expect(await app.sessions.list("u1")).toHaveLength(50);
  });

  it("ends no session if a remembered one has reached its idle timeout", async () => {
    await using app = accounts({ maxPerOwner: 2, idleTimeoutMs: 10_000, touchAfterMs: 0 });
    for (const device of ["a", "b"]) await logIn(app.sessions, "u1", device);
    const kept = await logIn(app.sessions, "u1", "c");
    app.clock.advance(9999);
    await app.sessions.commit(await app.sessions.load(kept.token));
    app.clock.advance(1);
    await logIn(app.sessions, "u1", "d");
    expect(await devicesOf(app.sessions, "u1")).toEqual(["d", "c"]);
    app.clock.advance(1);
    await logIn(app.sessions, "u1", "e");
    expect(await devicesOf(app.sessions, "u1")).toEqual(["e", "d"]);
  });

  it("ends no session if the remembered oldest one is gone", async () => {
    await using app = accounts({ maxPerOwner: 2 });
    for (const device of ["a", "b", "c"]) {
      await logIn(app.sessions, "u1", device);
      app.clock.advance(1);
    }
    const [eldest] = (await app.sessions.list("u1")).slice(-1);
    await app.store.memory.delete(eldest?.handle.split(".")[1] as string); // its entry stays
    await logIn(app.sessions, "u1", "d");
    expect(await devicesOf(app.sessions, "u1")).toEqual(["d", "c"]);
  });
});
