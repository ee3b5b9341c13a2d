import { MemStore } from "@scs/memstore";
import { describe, expect, it } from "vitest";
import { HookedStore } from "./fixtures/hooked-store.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { type Account, accounts, accountsOn, devicesOf, isAlive, logIn } from "./fixtures/owned-sessions.js";

const HOUR_MS = 3_600_000;

describe("list", () => {
  it("returns an owner's sessions, newest first, and no others", async () => {
    await using app = accounts({ idleTimeoutMs: 2 * HOUR_MS, touchAfterMs: 0 });
    const { sessions, clock } = app;
    const phone = await logIn(sessions, "u1", "phone");
    const begun = clock.now();
    clock.advance(HOUR_MS);
    const laptop = await logIn(sessions, "u1", "laptop");
    await logIn(sessions, "u2", "tablet");
    expect(await sessions.list("u1")).toEqual([
      {
        ...{ handle: laptop.handle, description: "laptop", isDeviceBound: false },
        created: new Date(clock.now()),
        lastSeen: new Date(clock.now()),
        expiry: new Date(clock.now() + 2 * HOUR_MS),
      },
      {
        ...{ handle: phone.handle, description: "phone", isDeviceBound: false },
        created: new Date(begun),
        lastSeen: new Date(begun),
        expiry: new Date(begun + 2 * HOUR_MS),
      },
    ]);
    expect(await devicesOf(sessions, "u2")).toEqual(["tablet"]);
    expect(await devicesOf(sessions, "nobody")).toEqual([]);
  });

  it("returns the time of the last use, or without an idle timeout that of the last change", async () => {
    await using app = accounts({ idleTimeoutMs: HOUR_MS, touchAfterMs: 0 });
    const { token } = await logIn(app.sessions, "u1");
    app.clock.advance(1000);
    await app.sessions.commit(await app.sessions.load(token));
    expect((await app.sessions.list("u1"))[0]?.lastSeen).toEqual(new Date(app.clock.now()));

    await using other = accounts();
    const begun = await logIn(other.sessions, "u1");
    other.clock.advance(1000);
    await other.sessions.commit(await other.sessions.load(begun.token));
    expect((await other.sessions.list("u1"))[0]?.lastSeen).toEqual(new Date(other.clock.now() - 1000));
    await other.sessions.commit((await other.sessions.load(begun.token)).set("page", 2));
    expect((await other.sessions.list("u1"))[0]?.lastSeen).toEqual(new Date(other.clock.now()));
  });

  it("omits destroyed, expired and idle sessions", async () => {
    await using app = accounts({ lifetimeMs: 10 * HOUR_MS, idleTimeoutMs: HOUR_MS });
    const { sessions, clock } = app;
    await logIn(sessions, "u1", "idle");
    clock.advance(HOUR_MS);
    const destroyed = await logIn(sessions, "u1", "destroyed");
    await logIn(sessions, "u1", "alive");
    await sessions.destroy(destroyed);
    expect(await devicesOf(sessions, "u1")).toEqual(["alive"]);
    clock.advance(HOUR_MS);
    expect(await devicesOf(sessions, "u1")).toEqual([]);
    expect(await app.store.memory.all()).toEqual(new Map()); // superfluous entries are removed
  });

  it("moves a session to another owner, and to none", async () => {
    await using app = accounts();
    const { sessions } = app;
    const session = await logIn(sessions, "u1");
    const handle = session.handle;
    await sessions.commit(session.set("userId", "u2"));
    expect(await devicesOf(sessions, "u1")).toEqual([]);
    expect(await devicesOf(sessions, "u2")).toEqual(["phone"]);
    expect(await sessions.revoke(handle)).toBe(false);
    expect(await isAlive(sessions, session.token)).toBe(true);
    session.delete("userId");
    await sessions.commit(session);
    expect(session.handle).toBeUndefined();
    expect(await devicesOf(sessions, "u2")).toEqual([]);
  });

  it("keeps the handle of a session through renewals, with and without grace", async () => {
    await using app = accounts();
    const { sessions } = app;
    const session = await logIn(sessions, "u1");
    const handle = session.handle;
    const tokens = [session.token];
    for (const graceMs of [0, 1000, 1000, 0, 1000]) {
      await sessions.renew(session, { graceMs });
      tokens.push(session.token);
      expect((await sessions.list("u1")).map((each) => each.handle)).toEqual([handle]);
    }
    expect(await sessions.revoke(handle)).toBe(true);
    for (const token of tokens) expect(await isAlive(sessions, token)).toBe(false);
    expect(await sessions.list("u1")).toEqual([]);
  });

  it("contains a session that was renewed at log-in", async () => {
    await using app = accounts();
    const { sessions } = app;
    const visitor = await sessions.load(undefined);
    await sessions.commit(visitor.set("page", 1));
    expect(visitor.handle).toBeUndefined();
    const session = await sessions.load(visitor.token);
    session.renew();
    session.set("userId", "u1");
    await sessions.commit(session);
    expect((await sessions.list("u1")).map(({ handle }) => handle)).toEqual([session.handle]);
  });

  it("adds older sessions without an owner at their next use", async () => {
    await using app = accounts();
    const before = accounts({ owner: undefined, describe: undefined } as never);
    const earlier = new (app.sessions.constructor as typeof import("../src/index.js").SessionManager)<{
      userId: string;
    }>({ store: app.store, now: app.clock.now });
    const session = await earlier.load(undefined);
    await earlier.commit(session.set("userId", "u1"));
    expect(await app.sessions.list("u1")).toEqual([]);
    await app.sessions.commit(await app.sessions.load(session.token));
    expect(await app.sessions.list("u1")).toHaveLength(1);
    await before[Symbol.asyncDispose]();
  });

  it("expires with the last of its sessions", async () => {
    await using app = accounts({ lifetimeMs: HOUR_MS });
    const { sessions, clock, store } = app;
    await logIn(sessions, "u1");
    clock.advance(HOUR_MS / 2);
    const later = await logIn(sessions, "u1");
    clock.advance(HOUR_MS / 2);
    expect(await store.keys()).toHaveLength(2);
    later.setDeadline(new Date(clock.now() + 5 * HOUR_MS));
    await sessions.commit(later);
    clock.advance(4 * HOUR_MS);
    expect(await devicesOf(sessions, "u1")).toEqual(["phone"]);
    clock.advance(HOUR_MS);
    expect(await store.keys()).toEqual([]);
  });

  it("stays bounded after any number of log-ins without use", async () => {
    await using app = accounts({ lifetimeMs: 1000 * HOUR_MS, idleTimeoutMs: HOUR_MS });
    for (let count = 0; count < 300; count++) {
      await logIn(app.sessions, "u1");
      app.clock.advance(HOUR_MS);
    }
    const index = [...(await app.store.memory.all())].find(([key]) => key.startsWith("@owner."))?.[1];
    expect(JSON.parse(Buffer.from(index as Uint8Array).toString()).sessions.length).toBeLessThanOrEqual(100);
  });

  it("works for owners with strange names", async () => {
    await using app = accounts();
    const names = ["__proto__", "a\0b", "ü€😀", "x".repeat(10_000), " ", "u1.u2", "0"];
    for (const name of names) await logIn(app.sessions, name, name);
    for (const name of names) expect(await devicesOf(app.sessions, name)).toEqual([name]);
    expect((await app.store.keys()).filter((key) => key.length > 50)).toEqual([]);
  });

  it.each(["", null, undefined])("is empty for %o, which is no owner", async (owner) => {
    await using app = accounts({ owner: () => owner as undefined });
    const session = await logIn(app.sessions, "u1");
    expect(session.handle).toBeUndefined();
    expect(await app.store.keys()).toHaveLength(1);
    expect(await app.sessions.list("")).toEqual([]);
  });

  it("begins anew if it cannot be decoded, and reports that", async () => {
    const errors: Error[] = [];
    await using app = accounts({ onError: (error) => errors.push(error) });
    await logIn(app.sessions, "u1");
    const key = (await app.store.keys()).find((name) => name.startsWith("@owner.")) as string;
    const damaged = [
      ...["{", "null", '"secret"', '{"version":1}', '{"version":2,"sessions":[]}'],
      ...['{"version":1,"sessions":"secret"}', '{"version":1,"sessions":[null]}'],
      ...['{"version":1,"sessions":[{"id":1}]}', '{"version":1,"sessions":[{"id":"secret"}]}'],
    ];
    for (const data of damaged) {
      const restarted = accountsOn(app.store, app.clock.now, { onError: (error) => errors.push(error) });
      await app.store.memory.commit(key, Buffer.from(data), new Date(app.clock.now() + HOUR_MS));
      expect(await restarted.list("u1"), data).toEqual([]);
      expect(errors.splice(0), data).toEqual([expect.objectContaining({ code: "CORRUPT" })]);
      await logIn(restarted, "u1", "laptop");
      expect(
        errors
          .splice(0)
          .map(({ message }) => message)
          .join(),
        data,
      ).not.toContain("secret");
      expect(await devicesOf(restarted, "u1"), data).toEqual(["laptop"]);
    }
  });
});

describe("revoke", () => {
  it("ends one session for all its clients", async () => {
    await using app = accounts();
    const { sessions } = app;
    const [phone, laptop] = [await logIn(sessions, "u1", "phone"), await logIn(sessions, "u1", "laptop")];
    const underWay = await sessions.load(phone.token);
    expect(await sessions.revoke(phone.handle)).toBe(true);
    expect(await isAlive(sessions, phone.token)).toBe(false);
    expect(await isAlive(sessions, laptop.token)).toBe(true);
    await sessions.commit(underWay.set("page", 2));
    expect(underWay.status).toBe("destroyed");
    expect(await isAlive(sessions, phone.token)).toBe(false);
    expect(await sessions.revoke(phone.handle)).toBe(false);
  });

  it.each([
    ["another's list with this one's entry", (handle: string) => `${"A".repeat(43)}.${handle.split(".")[1]}`],
    ["the entry alone", (handle: string) => handle.split(".")[1]],
    ["more", (handle: string) => `${handle}.x`],
    ["nothing", () => ""],
    ["no string", () => undefined],
  ])("does nothing with a handle that is none: %s", async (_, madeOf) => {
    await using app = accounts();
    const session = await logIn(app.sessions, "u1");
    expect(await app.sessions.revoke(madeOf(session.handle) as string)).toBe(false);
    expect(await isAlive(app.sessions, session.token)).toBe(true);
  });

  it("accepts no token, and load accepts no handle", async () => {
    await using app = accounts();
    const session = await logIn(app.sessions, "u1");
    const [hash, id] = session.handle.split(".");
    for (const key of [...(await app.store.keys()), session.handle, hash, id, `@owner.${hash}`]) {
      expect(await isAlive(app.sessions, key)).toBe(false);
    }
    expect(await app.sessions.revoke(session.token)).toBe(false);
  });
});

describe("revokeAll", () => {
  it("ends all sessions of an owner, or all but one", async () => {
    await using app = accounts();
    const { sessions } = app;
    const mine = [
      await logIn(sessions, "u1"),
      await logIn(sessions, "u1"),
      await logIn(sessions, "u1"),
    ] as const;
    const other = await logIn(sessions, "u2");
    expect(await sessions.revokeAll("u1", { except: mine[1] })).toBe(2);
    expect(await Promise.all(mine.map(({ token }) => isAlive(sessions, token)))).toEqual([
      false,
      true,
      false,
    ]);
    expect(await sessions.revokeAll("u1", { except: mine[1].handle })).toBe(0);
    expect(await sessions.revokeAll("u1", { except: undefined })).toBe(1);
    expect(await isAlive(sessions, mine[1].token)).toBe(false);
    expect(await isAlive(sessions, other.token)).toBe(true);
    expect(await app.store.keys()).toHaveLength(2);
  });

  it("ends the other sessions if the store fails for one, reports it, and can be repeated", async () => {
    const { now } = new MovingClock();
    await using store = new HookedStore(now);
    const sessions = accountsOn(store, now);
    const mine = [
      await logIn(sessions, "u1"),
      await logIn(sessions, "u1"),
      await logIn(sessions, "u1"),
    ] as const;
    const told: unknown[] = [];
    sessions.on("revoked", ({ handle }) => told.push(handle));
    const isAway = (key: string) => key === mine[1].token.split(".")[0];
    store.beforeCall = (method, key) => {
      if (method === "replace" && isAway(key)) throw new Error("away");
    };
    await expect(sessions.revokeAll("u1")).rejects.toThrow("away");
    store.beforeCall = () => undefined;
    const alive = await Promise.all(mine.map(({ token }) => isAlive(sessions, token)));
    expect(alive).toEqual([false, true, false]);
    expect(told).toEqual([mine[0].handle, mine[2].handle]);
    expect(await accountsOn(store, now).revokeAll("u1")).toBe(1);
    expect(await isAlive(sessions, mine[1].token)).toBe(false);
  });

  it("except a session without an owner ends all", async () => {
    await using app = accounts();
    const session = await logIn(app.sessions, "u1");
    const visitor = await app.sessions.load(undefined);
    expect(await app.sessions.revokeAll("u1", { except: visitor })).toBe(1);
    expect(await isAlive(app.sessions, session.token)).toBe(false);
  });
});

describe("maxPerOwner", () => {
  it("ends the oldest session above the limit", async () => {
    await using app = accounts({ maxPerOwner: 2 });
    const { sessions } = app;
    const begun = [];
    for (const device of ["a", "b", "c", "d"]) begun.push(await logIn(sessions, "u1", device));
    expect((await devicesOf(sessions, "u1")).sort()).toEqual(["c", "d"]);
    expect(await Promise.all(begun.map(({ token }) => isAlive(sessions, token)))).toEqual([
      false,
      false,
      true,
      true,
    ]);
    await logIn(sessions, "u2");
    expect(await devicesOf(sessions, "u1")).toHaveLength(2);
  });

  it("does not count sessions that have ended, nor a renewal as one more", async () => {
    await using app = accounts({ maxPerOwner: 2, idleTimeoutMs: HOUR_MS });
    const { sessions, clock } = app;
    const kept = await logIn(sessions, "u1", "kept");
    await logIn(sessions, "u1", "idle");
    clock.advance(HOUR_MS / 2);
    await sessions.commit(await sessions.load(kept.token));
    clock.advance(HOUR_MS / 2);
    await logIn(sessions, "u1", "new");
    expect((await devicesOf(sessions, "u1")).sort()).toEqual(["kept", "new"]);
    await sessions.renew(kept);
    expect((await devicesOf(sessions, "u1")).sort()).toEqual(["kept", "new"]);
  });

  it("holds for concurrent log-ins", async () => {
    await using app = accounts({ maxPerOwner: 3 });
    await Promise.all(Array.from({ length: 10 }, (_, at) => logIn(app.sessions, "u1", String(at))));
    expect(await devicesOf(app.sessions, "u1")).toHaveLength(3);
    expect(await app.store.keys()).toHaveLength(4);
  });
});

describe("a manager without owner", () => {
  it.each([
    ["list", (app: ReturnType<typeof accounts>) => app.sessions.list("u1")],
    ["revoke", (app: ReturnType<typeof accounts>) => app.sessions.revoke("x")],
    ["revokeAll", (app: ReturnType<typeof accounts>) => app.sessions.revokeAll("u1")],
  ])("says what %s needs", async (_, call) => {
    await using app = accounts({ owner: undefined, describe: undefined } as never);
    await expect((async () => call(app))()).rejects.toThrow(
      "set the option owner, as in (data) => data.userId",
    );
  });
});

describe("for a session with an owner, the store is called", () => {
  it("as for any other, unless the session begins, ends or changes its owner", async () => {
    await using app = accounts();
    const { sessions, store } = app;
    const session = await logIn(sessions, "u1");
    expect(store.takeCalls()).toEqual(["find", "replace", "replace", "find"]); // list, session, list
    await sessions.commit((await sessions.load(session.token)).set("page", 2));
    expect(store.takeCalls()).toEqual(["find", "replace"]);
    await sessions.commit(await sessions.load(session.token));
    expect(store.takeCalls()).toEqual(["find"]);
    let { token } = session;
    for (const graceMs of [0, 1000]) {
      const renewed = await sessions.load(token);
      await sessions.renew(renewed, { graceMs });
      expect(store.takeCalls()).toEqual(["find", "replace"]);
      token = renewed.token as string;
    }
    await sessions.destroy(await sessions.load(token));
    expect(store.takeCalls()).toEqual(["find", "replace", "find", "replace"]);
  });
});

it("a handle of another namespace does not change that namespace's lists", async () => {
  await using app = accounts({ namespace: "shop" });
  const session = await logIn(app.sessions, "u1");
  const others = accountsOn(app.store, app.clock.now, { namespace: "blog" });
  const keys = await app.store.keys();
  expect(await others.revoke(session.handle)).toBe(false);
  expect(await app.store.keys()).toEqual(keys);
  const elsewhere = accountsOn(app.store, app.clock.now, { namespace: "shop" });
  expect(await elsewhere.revokeAll("u1")).toBe(1);
});

describe("an owner() that throws for one session", () => {
  const owner = ({ userId, device }: Partial<Account>) => {
    if (device === "broken") throw new Error("no owner");
    return userId;
  };

  it("does not stop reindex and iterate", async () => {
    await using store = new MemStore();
    const sessions = accountsOn(store, Date.now);
    for (const device of ["broken", "phone", "broken", "laptop"]) await logIn(sessions, "u1", device);
    const errors: Error[] = [];
    const strict = accountsOn(store, Date.now, { owner, onError: (error) => errors.push(error) });
    const devices: unknown[] = [];
    await strict.iterate((session) => devices.push(session.get("device")));
    expect(devices.sort()).toEqual(["laptop", "phone"]);
    expect(await strict.reindex()).toBe(2);
    expect(errors.map(({ message }) => message)).toEqual(Array(4).fill("no owner"));
  });

  it("does not stop a log-out from ending the request's other session", async () => {
    await using app = accounts();
    const [own, other] = [await logIn(app.sessions, "u1"), await logIn(app.sessions, "u2", "broken")];
    const strict = accountsOn(app.store, app.clock.now, { owner, onError: () => undefined });
    strict.on("destroyed", () => undefined);
    const cookie = [own, other].map(({ token }) => `__Host-session=${token}`).join("; ");
    await strict.destroy(await strict.load({ headers: { cookie } }));
    expect([await isAlive(app.sessions, own.token), await isAlive(app.sessions, other.token)]).toEqual([
      false,
      false,
    ]);
  });
});
