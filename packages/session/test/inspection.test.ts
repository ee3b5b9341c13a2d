import { subscribe, unsubscribe } from "node:diagnostics_channel";
import { inspect } from "node:util";
import { CleanupScheduler, StoreError } from "@scs/core";
import { MemStore } from "@scs/memstore";
import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { accountsOn, logIn } from "./fixtures/owned-sessions.js";

const HOUR_MS = 3_600_000;

/** Creates a manager with owners, on a store that can list sessions. */
function accounts(options: Parameters<typeof accountsOn>[2] = {}) {
  const clock = new MovingClock();
  const store = new MemStore({ now: clock.now, cleanupIntervalMs: 0 });
  return {
    ...{ clock, store, sessions: accountsOn(store, clock.now, options) },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

async function listOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}

describe("count", () => {
  it("counts the live sessions of the namespace, and no owners' lists", async () => {
    await using app = accounts({ namespace: "shop", lifetimeMs: HOUR_MS });
    const others = accountsOn(app.store, app.clock.now, { namespace: "blog" });
    for (const user of ["u1", "u2", "u2"]) await logIn(app.sessions, user);
    await logIn(others, "u1");
    await app.sessions.commit((await app.sessions.load(undefined)).set("page", 1)); // a visitor
    await app.store.commit("shop.something-else", new Uint8Array([1]), new Date(app.clock.now() + HOUR_MS));
    expect(await app.sessions.count()).toBe(4);
    expect(await others.count()).toBe(1);
    app.clock.advance(HOUR_MS);
    expect(await app.sessions.count()).toBe(0);
  });

  it("does not count a key that a revocation occupies", async () => {
    await using app = accounts();
    const session = await logIn(app.sessions, "u1");
    await app.sessions.destroy(session);
    await app.sessions.revoke(session.handle);
    expect(await app.sessions.count()).toBe(0);
  });

  it("needs a store that lists its records", async () => {
    const { find, commit, delete: remove, replace } = new MemStore();
    const sessions = new SessionManager({ store: { find, commit, delete: remove, replace } as never });
    await expect(sessions.count()).rejects.toThrow("this needs a store with entries()");
  });
});

describe("inspect", () => {
  it("describes a session by its handle, with values on request, never with its token", async () => {
    await using app = accounts({ lifetimeMs: 24 * HOUR_MS, idleTimeoutMs: HOUR_MS, touchAfterMs: 0 });
    const begin = app.clock.now();
    const session = await logIn(app.sessions, "u1", "laptop");
    app.clock.advance(60_000);
    await app.sessions.commit(await app.sessions.load(session.token));
    const found = await app.sessions.inspect(session.handle);
    expect(found).toEqual({
      handle: session.handle,
      owner: "u1",
      ownerHash: session.handle.split(".")[0],
      created: new Date(begin),
      lastSeen: new Date(begin + 60_000),
      expiry: new Date(begin + 60_000 + HOUR_MS),
      deadline: new Date(begin + 24 * HOUR_MS),
      bytes: expect.any(Number),
      description: "laptop",
      isDeviceBound: false,
    });
    expect(found?.bytes).toBeGreaterThan(100);
    const whole = await app.sessions.inspect(session.handle, { values: true });
    expect(whole?.values).toEqual({ userId: "u1", device: "laptop" });
    const [id, secret] = session.token.split(".") as [string, string];
    expect(inspect(whole, { depth: 9 })).not.toContain(secret);
    expect(session.handle.endsWith(id)).toBe(true);
  });

  it("describes a visitor's session by its ID, and revoke ends it", async () => {
    await using app = accounts();
    const session = await app.sessions.load(undefined);
    await app.sessions.commit(session.set("page", 1));
    const id = String(session.token).split(".")[0] as string;
    expect(await app.sessions.inspect(id)).toMatchObject({
      handle: id,
      owner: undefined,
      created: undefined,
    });
    expect(await app.sessions.revoke(id)).toBe(true);
    expect(await app.sessions.exists(String(session.token))).toBe(false);
    expect(await app.sessions.revoke(id)).toBe(false);
  });

  it("refuses the mere ID of an owner's session, and a handle of another owner", async () => {
    await using app = accounts();
    const [mine, other] = [await logIn(app.sessions, "u1"), await logIn(app.sessions, "u2")];
    const [hash, id] = mine.handle.split(".") as [string, string];
    const otherHash = other.handle.split(".")[0];
    for (const handle of [id, `${otherHash}.${id}`, `x.${hash}.${id}`, "", mine.token, undefined, 7]) {
      expect(await app.sessions.inspect(handle as string), String(handle)).toBeUndefined();
      expect(await app.sessions.revoke(handle as string), String(handle)).toBe(false);
    }
    expect(await app.sessions.exists(mine.token)).toBe(true);
  });

  it("describes each session, even if owner throws for it", async () => {
    const errors: Error[] = [];
    let isBroken = false;
    await using app = accounts({
      owner: ({ userId }) => {
        if (isBroken && userId === "u1") throw new Error("broken");
        return userId;
      },
      onError: (error) => errors.push(error),
    });
    await logIn(app.sessions, "u1");
    await logIn(app.sessions, "u2");
    isBroken = true;
    const found = await listOf(app.sessions.inspectAll());
    expect(found.map(({ owner }) => owner).sort()).toEqual(["u2", undefined]);
    expect(found.some((session) => "values" in session)).toBe(false);
    expect(errors.map(({ message }) => message)).toEqual(["broken"]);
    isBroken = false;
    const whole = await listOf(app.sessions.inspectAll({ values: true }));
    expect(whole.map(({ values }) => values?.userId).sort()).toEqual(["u1", "u2"]);
  });
});

describe("ping", () => {
  it("returns the duration of the store call, and fails with the store", async () => {
    await using app = accounts();
    expect(await app.sessions.ping()).toBeGreaterThanOrEqual(0);
    const store = new MemStore();
    store.find = () => Promise.reject(new StoreError("UNAVAILABLE", "the server is gone"));
    await expect(new SessionManager({ store }).ping()).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });
});

describe("the event cleanup", () => {
  it("reports the number of records removed by gc(), only for the manager's own store", async () => {
    await using app = accounts({ lifetimeMs: HOUR_MS });
    await using other = accounts();
    const [events, others]: [unknown[], unknown[]] = [[], []];
    const end = app.sessions.on("cleanup", (event) => events.push(event));
    other.sessions.on("cleanup", (event) => others.push(event));
    for (const user of ["u1", "u1", "u2"]) await logIn(app.sessions, user);
    app.clock.advance(HOUR_MS);
    expect(await app.sessions.gc()).toBe(5); // three sessions, two lists
    expect(events).toEqual([{ removed: 5, durationMs: expect.any(Number) }]);
    expect(others).toEqual([]);
    end();
    await app.sessions.gc();
    expect(events).toHaveLength(1);
  });

  it("reports the store's background cleanup, also on the channel scs.store.cleanup", async () => {
    let [hear, removed] = [(_: unknown): void => undefined, 0];
    const heard = new Promise((resolve) => {
      hear = resolve;
    });
    const messages: unknown[] = [];
    const listen = (message: unknown) => void messages.push(message);
    const store = Object.assign(new MemStore({ cleanupIntervalMs: 0 }), {
      deleteExpired: async () => 40 + removed++,
    });
    subscribe("scs.store.cleanup", listen);
    new SessionManager({ store }).on("cleanup", hear);
    const scheduler = new CleanupScheduler(store, { cleanupIntervalMs: 1 });
    expect(await heard).toEqual({ removed: 40, durationMs: expect.any(Number) });
    await scheduler.stop();
    unsubscribe("scs.store.cleanup", listen);
    expect(messages[0]).toEqual({ store, name: "MemStore", removed: 40, durationMs: expect.any(Number) });
  });

  it("does not fail a cleanup if a listener throws", async () => {
    const errors: Error[] = [];
    const sessions = new SessionManager({ store: new MemStore(), onError: (error) => errors.push(error) });
    const end = sessions.on("cleanup", () => {
      throw new Error("listener");
    });
    expect(await sessions.gc()).toBe(0);
    end();
    expect(errors.map(({ message }) => message)).toEqual(["listener"]);
  });
});
