import { EventEmitter } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inherits } from "node:util";
import { MemStore } from "@scs/memstore";
import connectPgSimple from "connect-pg-simple";
import expressSession from "express-session";
import makeMemoryStore from "memorystore";
import pg from "pg";
import { describe, expect, it } from "vitest";
import session, { type OldStore, type SessionOptions } from "../src/index.js";
import { Browser } from "./fixtures/browser.js";
import { loggedIn, SECRET, serveOld, shop } from "./fixtures/old-app.js";
import { usePostgres } from "./fixtures/postgres.js";
import { serve } from "./fixtures/serve.js";

const url = usePostgres();
const SID = "connect.sid";
/** Option of session-file-store that switches off its cleanup timer. */
const noReaping = { reapInterval: -1 };

/** Starts the app on this package. `browser` has the cookie of an earlier log-in. */
async function deployed(importFrom: OldStore, options: SessionOptions = {}, cookies?: Map<string, string>) {
  const store = new MemStore({ cleanupIntervalMs: 0 });
  const errors: Error[] = [];
  const handler = session({
    ...{ secret: SECRET, resave: false, saveUninitialized: false, store, importFrom },
    ...{ onError: (error: Error) => errors.push(error), owner: (data) => data.user, ...options },
  });
  const served = await serve(shop(handler));
  const old = Object.fromEntries(cookies ?? (await loggedIn(importFrom)));
  return {
    ...{ store, errors, sessions: handler.sessions, old, url: served.url },
    browser: (own = old) => new Browser(served.url, own),
    async [Symbol.asyncDispose]() {
      await served[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

const ids = (store: expressSession.MemoryStore) =>
  new Promise<string[]>((resolve) => store.all?.((_error, all) => resolve(Object.keys(all ?? {}))));

describe("a visitor with an old cookie", () => {
  it("is still logged in, gets a new cookie, and the old session ends", async () => {
    const old = new expressSession.MemoryStore();
    await using app = await deployed(old);
    const browser = app.browser();
    const answer = await browser.get("/who");
    expect(answer.json()).toBe("ada");
    expect(browser.cookies.get(SID)).not.toBe(app.old[SID]);
    expect(await ids(old)).toEqual([]);
    expect((await browser.get("/add/tea")).json()).toEqual(["tea"]);
    expect((await browser.get("/who")).json()).toBe("ada");
    expect(await app.sessions.list("ada")).toHaveLength(1);
  });

  it("keeps the own attributes of the session's cookie", async () => {
    const old = new expressSession.MemoryStore();
    await using app = await deployed(old, {}, await loggedIn(old, {}, "/login?remember"));
    const browser = app.browser();
    const { setCookies } = await browser.get("/cookie");
    expect(setCookies[0]).toMatch(/Expires=/);
    expect((await browser.get("/cookie")).json()).toBeGreaterThan(29 * 86_400_000);
  });

  it("is found with each of several secrets", async () => {
    const old = new expressSession.MemoryStore();
    await using app = await deployed(old, { secret: ["new", SECRET] });
    expect((await app.browser().get("/who")).json()).toBe("ada");
  });

  it("has no session with a cookie that no secret has signed", async () => {
    const old = new expressSession.MemoryStore();
    await using app = await deployed(old, { secret: "new" });
    expect((await app.browser().get("/who")).json()).toBeNull();
    expect(await ids(old)).toHaveLength(1);
  });
});

describe("parallel requests with one old cookie", () => {
  it.each([2, 20])("share one session, which has all their changes (%i)", async (count) => {
    const old = new expressSession.MemoryStore();
    const cookies = await loggedIn(old);
    let missing = count;
    let meet: () => void = () => undefined;
    const met = new Promise<void>((resolve) => {
      meet = resolve;
    });
    const store = new MemStore({ cleanupIntervalMs: 0 });
    const handler = session({ secret: SECRET, saveUninitialized: false, store, importFrom: old });
    const app = shop(handler);
    app.get("/meet/:key", async (req, res) => {
      if (--missing === 0) meet();
      await met;
      Object.assign(req.session, { [String(req.params.key)]: true });
      res.end();
    });
    app.get("/all", (req, res) => res.json(Object.keys(req.session).sort()));
    await using served = await serve(app);
    const browsers = Array.from(
      { length: count },
      () => new Browser(served.url, Object.fromEntries(cookies)),
    );
    await Promise.all(browsers.map((browser, at) => browser.get(`/meet/k${at}`)));
    const keys = ["user", ...browsers.map((_, at) => `k${at}`)].sort();
    for (const browser of browsers) expect((await browser.get("/all")).json()).toEqual(keys);
    await browsers[0]?.get("/logout");
    for (const browser of browsers) expect((await browser.get("/who")).json()).toBeNull();
    expect(await ids(old)).toEqual([]);
    await store[Symbol.asyncDispose]();
  });
});

/** Stores for express-session that never delete a session: the guarantees must not depend on the old store. */
const stubborn = (old: expressSession.MemoryStore): OldStore => ({
  get: (id, callback) => old.get(id, callback),
});

describe("an old cookie is worthless", () => {
  it.each([
    ["once it was taken", false, []],
    ["once it was taken, also if the old store only has get", true, []],
    ["when its session has logged out since", false, ["/logout"]],
    ["when its session has logged out since, also if the old store only has get", true, ["/logout"]],
  ])("%s", async (_, isStubborn, paths) => {
    const old = new expressSession.MemoryStore();
    const cookies = await loggedIn(old);
    await using app = await deployed(isStubborn ? stubborn(old) : old, {}, cookies);
    const browser = app.browser();
    await browser.get("/who");
    for (const path of paths) await browser.get(path);
    const thief = app.browser();
    const answer = await thief.get("/who");
    expect([answer.json(), answer.setCookies]).toEqual([null, []]);
    expect((await browser.get("/who")).json()).toBe(paths.length === 0 ? "ada" : null);
  });

  it("when its session was logged out by the request that carried it", async () => {
    const old = new expressSession.MemoryStore();
    const cookies = await loggedIn(old);
    await using app = await deployed(stubborn(old), {}, cookies);
    await app.browser().get("/logout");
    expect((await app.browser().get("/who")).json()).toBeNull();
  });

  it("when it was logged out before the deployment, or has expired", async () => {
    const old = new expressSession.MemoryStore();
    const cookies = await loggedIn(old);
    await using before = await serveOld(old);
    await new Browser(before.url, Object.fromEntries(cookies)).get("/logout");
    await using app = await deployed(old, {}, cookies);
    expect((await app.browser().get("/who")).json()).toBeNull();
    const expired = await loggedIn(old, { cookie: { maxAge: 60_000 } });
    await using later = await deployed(old, { now: () => Date.now() + 60_000 }, expired);
    expect((await later.browser().get("/who")).json()).toBeNull();
  });

  it.each<
    [
      string,
      (
        app: { sessions: { revokeAll(owner: string): Promise<number> }; browser(): Browser },
        first: Browser,
      ) => Promise<unknown>,
    ]
  >([
    ["logs out", (_app, first) => first.get("/logout")],
    ["is revoked", ({ sessions }) => sessions.revokeAll("ada")],
  ])("to a request that had read the old session before another took it and %s", async (_, end) => {
    const old = new expressSession.MemoryStore();
    const cookies = await loggedIn(old);
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    let reached: () => void = () => undefined;
    const isRead = new Promise<void>((resolve) => {
      reached = resolve;
    });
    let calls = 0;
    const slow: OldStore = {
      get: (id, callback) =>
        old.get(id, async (error, found) => {
          if (++calls === 1) {
            reached();
            await gate;
          }
          callback(error, found as never);
        }),
      destroy: (id, callback) => old.destroy(id, callback),
    };
    await using app = await deployed(slow, {}, cookies);
    const stalled = app.browser();
    const answer = stalled.get("/who");
    await isRead;
    const first = app.browser();
    expect((await first.get("/who")).json()).toBe("ada");
    await end(app, first);
    release();
    expect((await answer).json()).toBeNull();
    expect((await stalled.get("/who")).json()).toBeNull();
    expect(await app.sessions.list("ada")).toEqual([]);
  });

  it("and begins no empty session, whose cookie could overwrite a valid one", async () => {
    const old = new expressSession.MemoryStore();
    await using app = await deployed(old, { saveUninitialized: true });
    const browser = app.browser();
    await browser.get("/who");
    const late = app.browser();
    expect((await late.get("/who")).setCookies).toEqual([]);
    expect((await late.get("/login")).setCookies).toHaveLength(1);
    expect((await late.get("/who")).json()).toBe("ada");
  });

  it("also to a request that looks for the old session while another takes it", async () => {
    const old = new expressSession.MemoryStore();
    const cookies = await loggedIn(old);
    let takeFirst: () => Promise<unknown> = async () => undefined;
    const slow: OldStore = {
      async get(id, callback) {
        const take = takeFirst;
        takeFirst = async () => undefined;
        await take();
        old.get(id, callback);
      },
      destroy: (id, callback) => old.destroy(id, callback),
    };
    await using app = await deployed(slow, { saveUninitialized: true }, cookies);
    takeFirst = () => app.browser().get("/who");
    const late = await app.browser().get("/who");
    expect([late.json(), late.setCookies]).toEqual([null, []]);
  });
});

describe("an old cookie whose session was not taken over", () => {
  it.each<[string, (old: expressSession.MemoryStore) => Promise<Map<string, string>>, SessionOptions]>([
    [
      "has expired",
      (old) => loggedIn(old, { cookie: { maxAge: 60_000 } }),
      { now: () => Date.now() + 60_000 },
    ],
    ["is empty", (old) => loggedIn(old, { saveUninitialized: true }, "/who"), {}],
    ["is unknown", () => loggedIn(new expressSession.MemoryStore()), {}],
  ])("counts as no cookie if the session %s", async (_, logIn, options) => {
    const old = new expressSession.MemoryStore();
    await using app = await deployed(old, { saveUninitialized: true, ...options }, await logIn(old));
    const browser = app.browser();
    expect((await browser.get("/who")).setCookies).toHaveLength(1);
    expect((await browser.get("/who")).setCookies).toEqual([]);
  });
});

describe("a failure", () => {
  it("in the old store is an error, and logs nobody out", async () => {
    const old = new expressSession.MemoryStore();
    const cookies = await loggedIn(old);
    let isDown = true;
    const failing: OldStore = {
      get: (id, callback) => (isDown ? callback(new Error("old store down")) : old.get(id, callback)),
    };
    await using app = await deployed(failing, {}, cookies);
    const browser = app.browser();
    const { status, text } = await browser.get("/who");
    expect([status, text]).toEqual([500, "old store down"]);
    isDown = false;
    expect((await browser.get("/who")).json()).toBe("ada");
  });

  it("to end the old session goes to onError, and its cookie is still worthless", async () => {
    const old = new expressSession.MemoryStore();
    const cookies = await loggedIn(old);
    const failing: OldStore = {
      ...stubborn(old),
      destroy: (_id, callback) => callback?.(new Error("read-only")),
    };
    await using app = await deployed(failing, {}, cookies);
    expect((await app.browser().get("/who")).json()).toBe("ada");
    expect(app.errors.map(({ message }) => message)).toEqual(["read-only"]);
    expect((await app.browser().get("/who")).json()).toBeNull();
  });

  it("at each call of the new store, in turn, logs nobody out", async () => {
    let failures = 0;
    for (let failing = 1; ; failing++) {
      const old = new expressSession.MemoryStore();
      await using app = await deployed(old);
      let calls = 0;
      const { store } = app;
      const call = { find: store.find.bind(store), replace: store.replace.bind(store) };
      const fail = () => ++calls === failing;
      store.find = (token) => (fail() ? Promise.reject(new Error("boom!")) : call.find(token));
      store.replace = (...args) => (fail() ? Promise.reject(new Error("boom!")) : call.replace(...args));
      const browser = app.browser();
      const { status } = await browser.get("/who");
      if (calls < failing) break;
      if (status === 500) failures++;
      expect([failing, (await browser.get("/who")).json()]).toEqual([failing, "ada"]);
      expect([failing, (await browser.get("/who")).json()]).toEqual([failing, "ada"]);
    }
    expect(failures).toBeGreaterThan(3);
  });
});

describe("importFrom takes", () => {
  const check = async (old: OldStore) => {
    const cookies = await loggedIn(old);
    await using app = await deployed(old, {}, cookies);
    const browser = app.browser();
    expect((await browser.get("/who")).json()).toBe("ada");
    expect((await browser.get("/add/tea")).json()).toEqual(["tea"]);
    await using before = await serveOld(old);
    expect((await new Browser(before.url, Object.fromEntries(cookies)).get("/who")).json()).toBeNull();
  };

  it("connect-pg-simple, created with our session or express-session's", async () => {
    const pool = new pg.Pool({ connectionString: url(), max: 2 });
    for (const base of [expressSession, session]) {
      const PgSession = connectPgSimple(base);
      const store = new PgSession({ pool, createTableIfMissing: true, pruneSessionInterval: false });
      if (base === expressSession) await check(store);
      else {
        const asWritten = new (connectPgSimple(expressSession))({ pool, pruneSessionInterval: false });
        const cookies = await loggedIn(asWritten);
        await using app = await deployed(store, {}, cookies);
        expect((await app.browser().get("/who")).json()).toBe("ada");
      }
    }
    await pool.end();
  });

  it("a store written as an ES5 class, created with our session or express-session's", async () => {
    for (const { Store } of [expressSession, session]) {
      const memory = new expressSession.MemoryStore();
      function OldStyleStore(this: EventEmitter, options: object) {
        (Store as typeof session.Store).call(this, options);
        this.on("disconnect", () => undefined);
      }
      inherits(OldStyleStore, Store);
      for (const method of ["get", "set", "destroy"] as const)
        OldStyleStore.prototype[method] = memory[method].bind(memory);
      const store = new (OldStyleStore as unknown as new (options: object) => OldStore & EventEmitter)({});
      expect(store).toBeInstanceOf(EventEmitter);
      expect(store.listenerCount("disconnect")).toBe(1);
      await using app = await deployed(store, {}, await loggedIn(memory));
      expect((await app.browser().get("/who")).json()).toBe("ada");
    }
  });

  it("a store that extends our session.Store", async () => {
    const memory = new expressSession.MemoryStore();
    class ModernStore extends session.Store implements OldStore {
      readonly get = memory.get.bind(memory);
    }
    const store = new ModernStore();
    expect(store.once("connect", () => undefined).emit("connect")).toBe(true);
    await using app = await deployed(store, {}, await loggedIn(memory));
    expect((await app.browser().get("/who")).json()).toBe("ada");
  });

  it("memorystore", async () => {
    await check(new (makeMemoryStore(expressSession))({ checkPeriod: 3_600_000 }));
  });

  it("session-file-store", async () => {
    const { default: makeFileStore } = await import("session-file-store" as string); // it has no types
    const path = mkdtempSync(join(tmpdir(), "scs-old-sessions-"));
    const options = { path, retries: 0, logFn: () => undefined, ...noReaping };
    await check(new (makeFileStore(expressSession))(options));
    rmSync(path, { recursive: true });
  });

  it("a store that returns promises", async () => {
    const old = new expressSession.MemoryStore();
    const cookies = await loggedIn(old);
    const get = (id: string) => new Promise((resolve) => old.get(id, (_error, found) => resolve(found)));
    const promising = { get, destroy: async (id: string) => void old.destroy(id) };
    await using app = await deployed(promising as never, {}, cookies);
    expect((await app.browser().get("/who")).json()).toBe("ada");
    expect(await ids(old)).toEqual([]);
  });
});
