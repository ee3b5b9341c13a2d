import { MemStore } from "@scs/memstore";
import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { HookedStore } from "./fixtures/hooked-store.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { type Account, accounts, accountsOn, devicesOf, isAlive, logIn } from "./fixtures/owned-sessions.js";

const HOUR_MS = 3_600_000;
const inAnHour = (now: number) => new Date(now + HOUR_MS);

/** Ways in which a store loses an owner's list, but not its sessions. */
const losses: [string, (memory: MemStore, key: string, now: number) => Promise<void>][] = [
  ["deleted", (memory, key) => memory.delete(key)],
  ["damaged", (memory, key, now) => memory.commit(key, Buffer.from("\0x"), inAnHour(now))],
  ["truncated", (memory, key, now) => memory.commit(key, new Uint8Array(), inAnHour(now))],
  [
    "of another version",
    (memory, key, now) => memory.commit(key, Buffer.from('{"version":9,"sessions":[]}'), inAnHour(now)),
  ],
  [
    "replaced by an empty one",
    (memory, key, now) => memory.commit(key, Buffer.from('{"version":1,"sessions":[]}'), inAnHour(now)),
  ],
];

async function withLostList(lose: (memory: MemStore, key: string, now: number) => Promise<void>) {
  const app = accounts({ onError: () => undefined });
  const begun = [await logIn(app.sessions, "u1", "a"), await logIn(app.sessions, "u1", "b")] as const;
  const key = (await app.store.keys()).find((each) => each.startsWith("@owner.")) as string;
  await lose(app.store.memory, key, app.clock.now());
  /** A manager of a new process. */
  const restarted = accountsOn(app.store, app.clock.now, { onError: () => undefined });
  return { ...app, begun, restarted };
}

describe.each(losses)("an owner's list that is %s", (_, lose) => {
  it("lists every session in the process that has seen them", async () => {
    await using app = await withLostList(lose);
    expect((await devicesOf(app.sessions, "u1")).sort()).toEqual(["a", "b"]);
    expect(await app.sessions.revokeAll("u1")).toBe(2);
    for (const { token } of app.begun) expect(await isAlive(app.sessions, token)).toBe(false);
  });

  it("is rebuilt by list in that process, also for others", async () => {
    await using app = await withLostList(lose);
    await app.sessions.list("u1");
    expect((await devicesOf(app.restarted, "u1")).sort()).toEqual(["a", "b"]);
  });

  it("is rebuilt by use after a restart", async () => {
    await using app = await withLostList(lose);
    for (const { token } of app.begun) await app.restarted.load(token);
    expect((await devicesOf(app.restarted, "u1")).sort()).toEqual(["a", "b"]);
    expect(await app.restarted.revokeAll("u1")).toBe(2);
    for (const { token } of app.begun) expect(await isAlive(app.restarted, token)).toBe(false);
  });

  it("is rebuilt by the first change in an hour, for all processes", async () => {
    await using app = await withLostList(lose);
    app.clock.advance(HOUR_MS);
    const session = await app.restarted.load(app.begun[0].token);
    await app.restarted.commit(session.set("page", 2));
    const third = accountsOn(app.store, app.clock.now);
    expect(await devicesOf(third, "u1")).toEqual(["a"]);
  });

  it("is rebuilt by reindex, for all processes", async () => {
    await using app = await withLostList(lose);
    const store = new HookedStore(app.clock.now, app.store.memory);
    expect(await accountsOn(store, app.clock.now, { onError: () => undefined }).reindex()).toBe(2);
    expect((await devicesOf(accountsOn(store, app.clock.now), "u1")).sort()).toEqual(["a", "b"]);
  });

  it("does not affect the handles of the sessions", async () => {
    await using app = await withLostList(lose);
    expect(await app.restarted.revoke(app.begun[0].handle)).toBe(true);
    expect(await isAlive(app.restarted, app.begun[0].token)).toBe(false);
    expect(await isAlive(app.restarted, app.begun[1].token)).toBe(true);
  });
});

it("a list that the store evicts while its session is in use misses no session", async () => {
  const clock = new MovingClock();
  await using store = new MemStore({ now: clock.now, cleanupIntervalMs: 0, maxSessions: 10 });
  const sessions = accountsOn(store, clock.now);
  const session = await logIn(sessions, "u1");
  for (let count = 0; count < 50; count++) {
    const visitor = await sessions.load(undefined);
    await sessions.commit(visitor.set("page", count));
    expect(await isAlive(sessions, session.token)).toBe(true); // in use
  }
  expect([...(await store.all()).keys()].filter((key) => key.startsWith("@owner."))).toEqual([]);
  expect(await devicesOf(sessions, "u1")).toEqual(["phone"]);
  expect(await sessions.revokeAll("u1")).toBe(1);
  expect(await isAlive(sessions, session.token)).toBe(false);
});

/** A manager without owners. */
const without = (app: ReturnType<typeof accounts>, namespace = "") =>
  new SessionManager<Account>({ store: app.store, now: app.clock.now, namespace });

describe("an owner option added later", () => {
  const before = async (namespace = "") => {
    const app = accounts();
    const earlier = without(app, namespace);
    const tokens: string[] = [];
    for (const userId of ["u1", "u1", "u2"]) {
      const session = await earlier.load(undefined);
      await earlier.commit(session.set("userId", userId));
      tokens.push(session.token as string);
    }
    const visitor = await earlier.load(undefined);
    await earlier.commit(visitor.set("page", 1));
    const store = new HookedStore(app.clock.now, app.store.memory);
    return { ...app, tokens, store, sessions: accountsOn(store, app.clock.now, { namespace }) };
  };

  it.each(["", "shop"])("finds earlier sessions after reindex (namespace %o)", async (namespace) => {
    await using app = await before(namespace);
    expect(await app.sessions.reindex()).toBe(3);
    expect(await app.sessions.list("u1")).toHaveLength(2);
    expect(await app.sessions.revokeAll("u1")).toBe(2);
    const alive = await Promise.all(app.tokens.map((token) => app.sessions.exists(token)));
    expect(alive).toEqual([false, false, true]);
    expect(await app.sessions.reindex()).toBe(1);
  });

  it("indexes sessions that change during reindex", async () => {
    await using app = await before();
    let isDone = false;
    app.store.beforeCall = async (method, key) => {
      if (isDone || method !== "replace" || key !== app.tokens[0]?.split(".")[0]) return;
      isDone = true;
      const earlier = without(app as never);
      await earlier.commit((await earlier.load(app.tokens[0])).set("page", 2));
    };
    expect(await app.sessions.reindex()).toBe(3);
    expect(isDone).toBe(true);
    expect((await app.sessions.load(app.tokens[0])).get("page")).toBe(2);
    expect(await app.sessions.list("u1")).toHaveLength(2);
  });

  it("finds each earlier session after its next use, even one that changes nothing", async () => {
    await using app = await before();
    await app.sessions.commit(await app.sessions.load(app.tokens[0]));
    const others = accountsOn(app.store, app.clock.now);
    expect(await others.list("u1")).toHaveLength(1);
    expect(await others.revokeAll("u1")).toBe(1);
    expect(await others.exists(app.tokens[0] as string)).toBe(false);
  });

  it("reindex names the missing option or method", async () => {
    await using app = accounts();
    await expect(without(app).reindex()).rejects.toThrow("set the option owner");
    await expect(app.sessions.reindex()).rejects.toThrow("needs a store with entries()");
  });
});

describe("a changed owner function", () => {
  const changed = async () => {
    const app = accounts();
    const session = await logIn(app.sessions, "u1", "tablet");
    const owner = ({ userId }: Partial<Account>) => (userId === undefined ? undefined : `user:${userId}`);
    const store = new HookedStore(app.clock.now, app.store.memory);
    return { ...app, session, store, later: accountsOn(store, app.clock.now, { owner }) };
  };

  it.each<[string, (app: Awaited<ReturnType<typeof changed>>) => Promise<unknown>]>([
    ["use", async ({ later, session }) => later.commit(await later.load(session.token))],
    [
      "a change",
      async ({ later, session }) => later.commit((await later.load(session.token)).set("page", 2)),
    ],
    [
      "a renewal with grace",
      async ({ later, session }) => later.renew(await later.load(session.token), { graceMs: 1000 }),
    ],
    ["reindex", async ({ later }) => later.reindex()],
  ])("moves sessions to the new lists by %s", async (_, act) => {
    await using app = await changed();
    const { later, session } = app;
    await act(app);
    expect(await devicesOf(later, "user:u1")).toEqual(["tablet"]);
    expect(await devicesOf(later, "u1")).toEqual([]);
    expect(await later.revokeAll("u1")).toBe(0);
    expect(await isAlive(later, session.token)).toBe(true);
    expect(await later.revokeAll("user:u1")).toBe(1);
    expect(await isAlive(later, session.token)).toBe(false);
  });

  it("that throws fails its request, but ends no session", async () => {
    await using app = await changed();
    let isBroken = false;
    const errors: Error[] = [];
    const sessions = accountsOn(app.store, app.clock.now, {
      owner({ userId }) {
        if (isBroken) throw new Error("owner broke");
        return userId;
      },
      onError: (error) => errors.push(error),
    });
    const session = await sessions.load(app.session.token);
    isBroken = true;
    await expect(sessions.commit(session.set("page", 2))).rejects.toThrow("owner broke");
    isBroken = false;
    await sessions.commit(session);
    expect((await sessions.load(app.session.token)).get("page")).toBe(2);
    expect(await devicesOf(sessions, "u1")).toEqual(["tablet"]);
  });
});

it("list looks up an ended session only once", async () => {
  await using app = accounts();
  for (let count = 0; count < 20; count++) await app.sessions.destroy(await logIn(app.sessions, "u1"));
  const session = await logIn(app.sessions, "u1");
  await app.sessions.list("u1");
  app.store.takeCalls();
  expect((await app.sessions.list("u1")).map(({ handle }) => handle)).toEqual([session.handle]);
  expect(app.store.takeCalls()).toEqual(["find", "find"]); // the list and the session
});
