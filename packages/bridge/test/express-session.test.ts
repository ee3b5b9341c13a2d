import { MemStore } from "@scs/memstore";
import session from "express-session";
import { describe, expect, it } from "vitest";
import { expressSessionStore } from "../src/express-session.js";

const HOUR_MS = 3_600_000;
const cookie = new session.Cookie();
cookie.maxAge = HOUR_MS;

function open(options = {}) {
  const backend = new MemStore();
  const store = expressSessionStore(session, backend, options) as session.Store &
    Required<Pick<session.Store, "all" | "length" | "clear" | "touch">>;
  const call = <T>(method: (callback: (error: unknown, result?: T) => void) => unknown): Promise<T> =>
    new Promise((resolve, reject) =>
      method((error, result) => (error ? reject(error) : resolve(result as T))),
    );
  const set = (id: string, values: object) =>
    call((done) => store.set(id, { cookie, ...values } as session.SessionData, done));
  const get = (id: string) =>
    call<Record<string, unknown> | undefined>((done) => store.get(id, done as never));
  const load = (id: string) =>
    call<session.Session & Record<string, unknown>>((done) => store.load(id, done as never));
  return { backend, store, call, set, get, load };
}

describe("the store for express-session, called by an app", () => {
  it("is a Store of express-session", () => {
    expect(open().store).toBeInstanceOf(session.Store);
  });

  it("sets, gets and destroys a plain session", async () => {
    const { store, call, set, get } = open();
    expect(await get("id")).toBeUndefined();
    await set("id", { user: "u1" });
    await set("id", { user: "u2" });
    expect(await get("id")).toMatchObject({ user: "u2", cookie: { originalMaxAge: HOUR_MS } });
    await call((done) => store.destroy("id", done));
    expect(await get("id")).toBeUndefined();
  });

  it("lists, counts and clears its own sessions", async () => {
    const { backend, store, call, set } = open();
    await backend.commit("another", Buffer.from("{}"), new Date(Date.now() + HOUR_MS));
    await set("one", { user: "u1" });
    await set("two", { user: "u2" });
    const all = await call<Record<string, unknown>[]>((done) => store.all(done as never));
    expect(all.map(({ user }) => user).sort()).toEqual(["u1", "u2"]);
    expect(await call((done) => store.length(done as never))).toBe(2);
    await call((done) => store.clear(done));
    expect(await call((done) => store.length(done as never))).toBe(0);
    expect([...(await backend.all()).keys()]).toEqual(["another"]);
  });

  it("merges the changes of a session that the app has loaded itself", async () => {
    const { store, call, set, get, load } = open();
    await set("id", { user: "u1" });
    const [one, two] = [await load("id"), await load("id")];
    Object.assign(one, { a: 1 });
    Object.assign(two, { b: 2 });
    await Promise.all([one, two].map((loaded) => call((done) => loaded.save(done))));
    expect(await get("id")).toMatchObject({ user: "u1", a: 1, b: 2 });
    await call((done) => store.destroy("id", done));
    await call((done) => one.save(done));
    expect(await get("id")).toBeUndefined();
  });

  it("keeps others' writes when a session is saved repeatedly, awaited or not", async () => {
    const { call, set, get, load } = open();
    await set("id", { user: "u1" });
    const [one, two] = [await load("id"), await load("id")];
    one.a = 1;
    const first = call((done) => one.save(done));
    one.a = 2;
    const second = call((done) => one.save(done));
    two.b = 1;
    await Promise.all([first, second, call((done) => two.save(done))]);
    one.c = 1;
    delete one.user;
    await call((done) => one.save(done));
    const values = await get("id");
    expect(values).toMatchObject({ a: 2, b: 1, c: 1 });
    expect(values).not.toHaveProperty("user");
  });

  it("keeps the longer lifetime set by a parallel request", async () => {
    const { backend, call, set, load } = open();
    await set("id", { user: "u1" });
    const [one, two] = [await load("id"), await load("id")];
    two.cookie.maxAge = 30 * 24 * HOUR_MS;
    two.remembered = true;
    await call((done) => two.save(done));
    one.cart = "full";
    await call((done) => one.save(done));
    const { value: entry } = await backend.entries().next();
    expect(entry?.expiry.getTime()).toBeGreaterThan(Date.now() + 29 * 24 * HOUR_MS);
    expect((await load("id")).cookie.originalMaxAge).toBe(30 * 24 * HOUR_MS);
  });

  it("moves the expiry by touch, which brings back no session", async () => {
    const { store, call, set, get, load } = open();
    await set("id", { user: "u1" });
    const loaded = await load("id");
    loaded.cookie.maxAge = 5 * HOUR_MS;
    await call((done) => store.touch("id", loaded, done as never));
    const { expires } = (await load("id")).cookie;
    expect(expires?.getTime()).toBeGreaterThan(Date.now() + 4 * HOUR_MS);
    await call((done) => store.destroy("id", done));
    await call((done) => store.touch("id", loaded, done as never));
    expect(await get("id")).toBeUndefined();
  });

  it("stores a change of the cookie alone, which the host only touches", async () => {
    const { backend, store, call, set, get, load } = open();
    await set("id", { user: "u1" });
    const [one, two] = [await load("id"), await load("id")];
    two.cart = "full";
    await call((done) => two.save(done));
    const expires = new Date(Date.now() + 30 * 24 * HOUR_MS);
    const changes = { originalMaxAge: 30 * 24 * HOUR_MS, httpOnly: false, sameSite: "strict" };
    Object.assign(one.cookie, { expires }, changes);
    await call((done) => store.touch("id", one, done as never));
    expect(await get("id")).toMatchObject({ user: "u1", cart: "full", cookie: changes });
    const { value: entry } = await backend.entries().next();
    expect(entry?.expiry).toEqual(expires);
  });

  it("touches an unchanged session, without a write of its values", async () => {
    const { backend, store, call, set, load } = open();
    await set("id", { user: "u1" });
    const loaded = await load("id");
    backend.replace = () => Promise.reject(new Error("written"));
    const expires = new Date(Date.now() + 2 * HOUR_MS);
    Object.assign(loaded.cookie, { expires, originalMaxAge: HOUR_MS });
    await call((done) => store.touch("id", loaded, done as never));
    const { value: entry } = await backend.entries().next();
    expect(entry?.expiry).toEqual(expires);
  });

  it("takes a number as the cookie's lifetime, and an invalid date as none", async () => {
    const now = Date.now();
    for (const [expires, lifetimeMs] of [
      [HOUR_MS, HOUR_MS] as const,
      [new Date("x"), 24 * HOUR_MS] as const,
    ]) {
      const { backend, set } = open({ now: () => now });
      await set("id", { cookie: { expires } });
      const { value: entry } = await backend.entries().next();
      expect(entry?.expiry.getTime()).toBe(now + lifetimeMs);
    }
  });

  it("refuses a new session whose ID is in use", async () => {
    const { store, call, set, get } = open();
    await set("id", { user: "u1" });
    const request = { sessionID: "id", sessionStore: store } as never;
    const made = store.createSession(request, { cookie } as never);
    await expect(call((done) => store.set("id", made, done))).rejects.toMatchObject({
      code: "INVALID_ARGUMENT",
    });
    expect(await get("id")).toMatchObject({ user: "u1" });
  });

  it("stores values named __proto__, and treats damaged records as absent", async () => {
    const errors: unknown[] = [];
    const { backend, set, get } = open({ onError: (error: unknown) => errors.push(error) });
    await set("id", JSON.parse('{"__proto__": {"admin": true}, "constructor": 1}'));
    const values = await get("id");
    expect(Object.hasOwn(values as object, "__proto__")).toBe(true);
    expect((values as { admin?: boolean }).admin).toBeUndefined();
    const [token] = [...(await backend.all()).keys()] as [string];
    await backend.commit(token, Buffer.from('{"user":"u1'), new Date(Date.now() + HOUR_MS));
    expect(await get("id")).toBeUndefined();
    expect(errors).toMatchObject([{ code: "CORRUPT" }]);
    expect(String(errors)).not.toContain("u1");
  });

  it("calls onError with errors of calls without a callback", async () => {
    const told = new Promise((resolve) => {
      const { backend, store } = open({ onError: resolve });
      void backend[Symbol.asyncDispose]().then(() => store.destroy("id"));
    });
    expect(await told).toMatchObject({ code: "CLOSED" });
  });
});

it("every bridge refuses a wrong store and unknown options", () => {
  const make = (...rest: unknown[]) => expressSessionStore(session, ...(rest as [MemStore]));
  expect(() => make({})).toThrow(/has no find\(\)/);
  expect(() => make(new MemStore(), { ttl: 1 })).toThrow(/no option "ttl"/);
  expect(() => make(new MemStore(), { namespace: "a b" })).toThrow(TypeError);
  expect(() => make(new MemStore(), { lifetimeMs: 1 })).toThrow(RangeError);
  expect(() => expressSessionStore({} as typeof session, new MemStore())).toThrow(/express-session exports/);
});
