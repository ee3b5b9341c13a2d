import { createServer } from "node:http";
import { text } from "node:stream/consumers";
import { setImmediate } from "node:timers/promises";
import { MemStore } from "@scs/memstore";
import { describe, expect, it } from "vitest";
import { headerTransport, SessionManager, StoreRegistry } from "../src/index.js";
import { madeUpToken, TOKEN_LENGTH } from "./fixtures/made-up-token.js";
import { MovingClock } from "./fixtures/moving-clock.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { run, serve, type Values } from "./fixtures/running-app.js";
import { stored, valuesOf } from "./fixtures/stored-session.js";
import { Visitor } from "./fixtures/visitor.js";

describe("without middleware", () => {
  it("start, regenerate and destroy work on a request, and set its cookie", async () => {
    await using store = new RecordingStore();
    const sessions = new SessionManager<Values>({ store });
    await using server = await serve(async (req, res) => {
      const session = await sessions.start(req, res);
      expect(await sessions.start(req, res)).toBe(session);
      if (req.url === "/login") session.set("userId", "u1");
      if (req.url === "/regenerate") expect(await sessions.regenerate(req, res)).toBe(session);
      if (req.url === "/logout") expect(String(await sessions.destroy(req, res))).toContain("Max-Age=0");
      res.end(String(session.get("userId")));
    });
    const visitor = new Visitor(server.url);
    expect((await visitor.get("/login")).setCookies).toHaveLength(1);
    const first = visitor.token as string;
    expect(await sessions.exists(first)).toBe(true);
    expect((await visitor.get("/regenerate")).setCookies).toHaveLength(1);
    expect(visitor.token).not.toBe(first);
    expect(await sessions.exists(first)).toBe(false);
    expect((await visitor.get()).body).toBe("u1");
    expect((await visitor.get("/logout")).setCookies.join()).toContain("Max-Age=0");
    expect(visitor.token).toBeUndefined();
    expect(await store.keys()).toEqual([]);
  });

  it("start rejects if the store fails, and leaves the response to the app", async () => {
    await using store = new RecordingStore();
    store.fail("find", new Error("away"));
    const sessions = new SessionManager<Values>({ store });
    await using server = await serve(async (req, res) => {
      const outcome = await sessions.start(req, res).catch((error: Error) => error.message);
      res.end(String(outcome));
    });
    expect((await new Visitor(server.url, { "__Host-session": madeUpToken() }).get()).body).toBe("away");
  });

  it("start accepts a token from elsewhere, such as a body", async () => {
    await using store = new RecordingStore();
    const sessions = new SessionManager<Values>({ store });
    await using server = await serve(async (req, res) => {
      const session = await sessions.start(req, res, { token: await text(req) });
      if (req.url === "/login") session.set("userId", "u1");
      await sessions.commit(session);
      res.end(JSON.stringify({ token: session.token, userId: session.get("userId") }));
    });
    const ask = async (path: string, body: string) =>
      (await fetch(server.url + path, { method: "POST", body })).json() as Promise<Record<string, string>>;
    const { token = "" } = await ask("/login", "nothing");
    expect(await ask("/", token)).toEqual({ token, userId: "u1" });
    expect(await ask("/", madeUpToken())).toEqual({ token: expect.not.stringMatching(madeUpToken()) });
  });
});

describe("exists", () => {
  it("returns whether a token has a session, also during a grace period", async () => {
    await using app = await stored({ a: 1 });
    expect(await app.sessions.exists(app.token)).toBe(true);
    const session = await app.load();
    await app.sessions.renew(session, { graceMs: 1000 });
    expect(await app.sessions.exists(app.token)).toBe(true);
    app.clock.advance(1000);
    expect(await app.sessions.exists(app.token)).toBe(false);
    expect(await app.sessions.exists("no token")).toBe(false);
  });
});

describe("gc", () => {
  it("removes expired records, and returns their number", async () => {
    const clock = new MovingClock();
    await using store = new MemStore({ now: clock.now, cleanupIntervalMs: 0 });
    const sessions = new SessionManager<Values>({ store, now: clock.now, lifetimeMs: 1000 });
    for (let count = 0; count < 3; count++)
      await sessions.commit((await sessions.load(undefined)).set("a", 1));
    expect(await sessions.gc()).toBe(0);
    clock.advance(1000);
    expect(await sessions.gc()).toBe(3);
  });

  it("returns 0 for a store that expires records by itself", async () => {
    await using app = await stored({});
    expect(await app.sessions.gc()).toBe(0);
  });
});

describe("iterate", () => {
  const filled = async () => {
    const clock = new MovingClock();
    const store = new MemStore({ now: clock.now, cleanupIntervalMs: 0 });
    const owner = (data: Values) => data.userId as string | undefined;
    const sessions = new SessionManager<Values>({ store, now: clock.now, owner });
    for (const userId of ["u1", "u2", "u3"]) {
      const session = await sessions.load(undefined);
      await sessions.commit(session.set("userId", userId));
      if (userId === "u2") await sessions.renew(session, { graceMs: 1000 });
    }
    return { sessions, store, clock, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
  };

  it("visits each session once, and commits changes and destructions", async () => {
    await using app = await filled();
    const seen: unknown[] = [];
    await app.sessions.iterate(async (session) => {
      await setImmediate();
      seen.push(session.get("userId"));
      expect(session.token).toBeUndefined();
      if (session.get("userId") === "u1") session.destroy();
      if (session.get("userId") === "u2") session.set("seen", true);
    });
    expect(seen.sort()).toEqual(["u1", "u2", "u3"]);
    const left: Values[] = [];
    await app.sessions.iterate((session) => left.push(valuesOf(session)));
    expect(left).toEqual(expect.arrayContaining([{ userId: "u3" }, { userId: "u2", seen: true }]));
    expect(left).toHaveLength(2);
    expect(await app.sessions.list("u1")).toEqual([]);
    expect(await app.sessions.list("u2")).toHaveLength(1);
  });

  it("rejects with the error of `work`", async () => {
    await using app = await filled();
    const failing = app.sessions.iterate(() => {
      throw new Error("enough");
    });
    await expect(failing).rejects.toThrow("enough");
  });

  it("skips sessions of other managers in the same store", async () => {
    await using app = await filled();
    const admins = new SessionManager<Values>({ store: app.store, namespace: "admin", now: app.clock.now });
    await admins.commit((await admins.load(undefined)).set("admin", true));
    const seen: Values[] = [];
    await admins.iterate((session) => seen.push(valuesOf(session)));
    expect(seen).toEqual([{ admin: true }]);
    let others = 0;
    await app.sessions.iterate((session) => {
      others++;
      expect(session.has("admin")).toBe(false);
    });
    expect(others).toBe(3);
  });

  it("throws if the store cannot list its records", async () => {
    await using app = await stored({});
    await expect(app.sessions.iterate(() => undefined)).rejects.toThrow("needs a store with entries()");
  });
});

describe("use", () => {
  it("runs a job with the session of a token, and commits it", async () => {
    await using app = await stored({ count: 1 });
    const gives = await app.sessions.use(app.token, async (session) => {
      session.set("count", Number(session.get("count")) + 1);
      return "done";
    });
    expect(gives).toBe("done");
    expect(valuesOf(await app.load())).toEqual({ count: 2 });
  });

  it("commits nothing if the job fails", async () => {
    await using app = await stored({ count: 1 });
    const failing = app.sessions.use(app.token, (session) => {
      session.set("count", 2);
      throw new Error("failed");
    });
    await expect(failing).rejects.toThrow("failed");
    expect(valuesOf(await app.load())).toEqual({ count: 1 });
  });

  it("and load accept a request, such as that of a WebSocket", async () => {
    await using store = new RecordingStore();
    const sessions = new SessionManager<Values>({ store });
    const session = await sessions.load(undefined);
    await sessions.commit(session.set("userId", "u1"));
    const server = createServer();
    server.on("upgrade", async (req, socket) => {
      const loaded = await sessions.load(req);
      await sessions.use(req, (used) => used.set("socket", true));
      socket.end(`HTTP/1.1 426 ${loaded.get("userId")}\r\nContent-Length: 0\r\n\r\n`);
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const { port } = server.address() as { port: number };
    const { request } = await import("node:http");
    const message = await new Promise((resolve, reject) => {
      const headers = { connection: "upgrade", upgrade: "x", cookie: `__Host-session=${session.token}` };
      request({ port, headers }, (res) => resolve(res.statusMessage))
        .on("error", reject)
        .end();
    });
    expect(message).toBe("u1");
    expect((await sessions.load(session.token)).get("socket")).toBe(true);
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  });
});

describe("current", () => {
  it("returns the session of the current request, also after waiting", async () => {
    const outcomes: unknown[] = [];
    await using app = await run(
      async (session, res) => {
        expect(app.sessions.current()).toBe(session);
        await setImmediate();
        outcomes.push(app.sessions.current() === session);
        res.end();
      },
      { asyncContext: true },
    );
    await Promise.all([new Visitor(app.url).get(), new Visitor(app.url).get()]);
    await app.sessions.use(undefined, (session) => outcomes.push(app.sessions.current() === session));
    expect(outcomes).toEqual([true, true, true]);
    expect(() => app.sessions.current()).toThrow(expect.objectContaining({ code: "NO_CONTEXT" }));
  });

  it("names the missing option or request", async () => {
    await using app = await stored({});
    expect(() => app.sessions.current()).toThrow("needs a manager with asyncContext: true");
  });
});

describe("a token in a header", () => {
  it("travels only there", async () => {
    await using app = await run(
      (session, res, req) => {
        if (req.url === "/login") session.set("userId", "u1");
        if (req.url === "/logout") session.destroy();
        res.end(String(session.get("userId")));
      },
      { transport: headerTransport("X-Session") },
    );
    expect(app.sessions.cookieName).toBe("");
    const login = await fetch(`${app.url}/login`);
    const token = login.headers.get("x-session") as string;
    expect(token).toHaveLength(TOKEN_LENGTH);
    expect(login.headers.get("cache-control")).toBe("no-store");
    expect(login.headers.getSetCookie()).toEqual([]);
    const headers = { "x-session": token };
    const page = await fetch(app.url, { headers });
    expect([await page.text(), page.headers.get("x-session")]).toEqual(["u1", null]);
    expect(await (await fetch(app.url, { headers: { cookie: `session=${token}` } })).text()).toBe(
      "undefined",
    );
    expect((await fetch(`${app.url}/logout`, { headers })).headers.get("x-session")).toBe("");
    expect(await (await fetch(app.url, { headers })).text()).toBe("undefined");
  });

  it.each(["", "x session", "cookie", "Set-Cookie", "x:y"])("is refused under the name %o", (name) => {
    expect(() => headerTransport(name)).toThrow(TypeError);
  });
});

describe("managers that share a store", () => {
  it("do not see each other's tokens and owners if each has a namespace", async () => {
    await using store = new MemStore({ cleanupIntervalMs: 0 });
    const owner = (data: Values) => data.userId as string;
    const managers = ["", "admin", "owner"].map(
      (namespace) => new SessionManager<Values>({ store, owner, namespace }),
    );
    for (const own of managers) {
      const session = await own.load(undefined);
      await own.commit(session.set("userId", "u1"));
      for (const other of managers.filter((each) => each !== own)) {
        expect((await other.load(session.token)).has("userId")).toBe(false);
        expect(await other.list("u1")).toEqual([]);
        expect(await other.revoke(session.handle as string)).toBe(false);
        expect(await other.revokeAll("u1")).toBe(0);
        await other.iterate(() => expect.unreachable("a session of another namespace"));
        expect(await other.reindex()).toBe(0);
      }
      expect(await own.list("u1")).toHaveLength(1);
      expect(await own.revoke(session.handle as string)).toBe(true);
      expect(await own.exists(session.token as string)).toBe(false);
    }
  });

  it("answer one request with two independent cookies", async () => {
    await using store = new RecordingStore();
    const shop = new SessionManager<Values>({ store, cookie: { name: "shop" } });
    const admin = new SessionManager<Values>({ store, cookie: { name: "admin" }, namespace: "admin" });
    const [first, second] = [shop.middleware(), admin.middleware()];
    await using server = await serve((req, res) =>
      first(req, res, () =>
        second(req, res, () => {
          if (req.url?.includes("shop")) shop.get(req).set("shop", true);
          if (req.url?.includes("admin")) admin.get(req).set("admin", true);
          if (req.url === "/logout") admin.get(req).destroy();
          if (req.url === "/stream") res.write("");
          res.end(`${shop.get(req).has("shop")} ${admin.get(req).has("admin")}`);
        }),
      ),
    );
    const visitor = new Visitor(server.url);
    expect((await visitor.get("/shop+admin")).setCookies).toHaveLength(2);
    expect((await visitor.get("/stream")).body).toBe("true true");
    expect((await visitor.get("/logout")).setCookies).toEqual([expect.stringMatching(/^admin=; Max-Age=0/)]);
    expect((await visitor.get()).body).toBe("true false");
    expect((await visitor.get("/admin")).body).toBe("true true");
  });
});

describe("StoreRegistry", () => {
  it("opens the registered stores by name", async () => {
    const stores = new StoreRegistry()
      .register(
        "memory",
        (params: { maxSessions: number }) => new MemStore({ ...params, cleanupIntervalMs: 0 }),
      )
      .register("pg", async (url: string) => ({ ...new MemStore({ cleanupIntervalMs: 0 }), url }) as never);
    expect(stores.providerNames()).toEqual(["memory", "pg"]);
    const store = await stores.open("memory", { maxSessions: 5 });
    expect(store).toBeInstanceOf(MemStore);
    expect(await stores.open("pg", "postgres://x")).toMatchObject({ url: "postgres://x" });
    // @ts-expect-error the parameter of that store is not a number
    await stores.open("pg", 5);
    // @ts-expect-error there is no such store
    await expect(stores.open("redis")).rejects.toThrow(
      'there is no provider "redis"; registered: memory, pg',
    );
    expect(() => stores.register("pg", () => store)).toThrow('there is already a provider "pg"');
    expect(() => stores.register("", () => store)).toThrow(TypeError);
    expect(() => stores.register("x", undefined as never)).toThrow(TypeError);
  });

  it("has no store before the app registers one", async () => {
    expect(new StoreRegistry().providerNames()).toEqual([]);
    await expect(new StoreRegistry().open("constructor" as never)).rejects.toThrow("registered: none");
  });
});
