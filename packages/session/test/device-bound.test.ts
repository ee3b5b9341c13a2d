import { once } from "node:events";
import { createServer } from "node:http";
import { describe, expect, it } from "vitest";
import { withSession } from "../src/adapters/fetch.js";
import { nextSessions } from "../src/adapters/next.js";
import { SessionManager, type SessionManagerOptions } from "../src/index.js";
import { BoundBrowser } from "./fixtures/bound-browser.js";
import { Device } from "./fixtures/device.js";
import { boundBrowser, deviceBoundApp } from "./fixtures/device-bound-app.js";
import { run, serve } from "./fixtures/running-app.js";
import { Signal } from "./fixtures/signal.js";

const MINUTE_MS = 60_000;
const [SESSION, BOUND] = ["__Host-session", "__Host-session-bound"];

describe("a browser that can", () => {
  it.each(["ES256", "RS256"] as const)(
    "binds the session after a log-in, by a key of %s",
    async (algorithm) => {
      await using app = await deviceBoundApp();
      const browser = app.open();
      browser.device = new Device(algorithm);
      const { headers, body } = await browser.get("/login");
      expect(body).toBe("u1 none");
      expect(headers.get("secure-session-registration")).toMatch(
        /^\(ES256 RS256\);path="\/\.session\/bind";challenge="[\w-]{43}"$/,
      );
      expect(browser.own).toEqual(["/.session/bind"]);
      expect(browser.binding?.cookieName).toBe(BOUND);
      const { body: after, headers: later } = await browser.get();
      expect(after).toBe("u1 bound");
      expect(later.get("secure-session-registration")).toBeNull();
      expect((await app.sessions.list("u1")).map(({ isDeviceBound }) => isDeviceBound)).toEqual([true]);
    },
  );

  it("gets a short-lived cookie that scripts and other hosts cannot read, and its scope", async () => {
    await using app = await deviceBoundApp({ deviceBound: { refreshAfterMs: 2 * MINUTE_MS } });
    const browser = app.open();
    browser.canBind = false;
    const { headers } = await browser.get("/login");
    const answer = await browser.bind(headers.get("secure-session-registration") as string);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("content-type")).toBe("application/json");
    expect(answer.setCookies).toEqual([
      expect.stringMatching(
        /^__Host-session-bound=[\w-]{43}; Max-Age=120; Path=\/; HttpOnly; Secure; SameSite=Lax$/,
      ),
    ]);
    expect(JSON.parse(answer.body)).toEqual({
      session_identifier: expect.stringMatching(/^[\w-]{22}\.[\w-]{8}$/),
      refresh_url: "/.session/refresh",
      scope: { include_site: false, scope_specification: [] },
      credentials: [{ type: "cookie", name: BOUND, attributes: "Path=/; Secure; HttpOnly; SameSite=Lax" }],
      allowed_refresh_initiators: ["*"],
    });
  });

  it("refreshes an expired cookie without the app noticing", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    for (let times = 0; times < 3; times++) {
      const cookie = browser.cookies.get(BOUND);
      const { challenge } = browser.binding ?? {};
      app.clock.advance(5 * MINUTE_MS);
      browser.expireBoundCookie();
      expect((await browser.get()).body).toBe("u1 bound");
      expect(browser.cookies.get(BOUND), "rotated").not.toBe(cookie);
      expect(browser.binding?.challenge, "rotated").not.toBe(challenge);
    }
    expect(browser.own, "each in one round trip").toEqual([
      ...["/.session/bind", "/.session/refresh", "/.session/refresh", "/.session/refresh"],
    ]);
  });

  it("gets another challenge if its own is too old, and continues", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    app.clock.advance(120 * MINUTE_MS);
    browser.expireBoundCookie();
    expect((await browser.get()).body).toBe("u1 bound");
    expect(browser.own.slice(1)).toEqual(["/.session/refresh", "/.session/refresh"]);
  });

  it("that has lost its challenge gets the same one until it uses it", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    const id = `"${browser.binding?.id}"`;
    app.store.takeCalls();
    const first = await browser.post("/.session/refresh", { "sec-secure-session-id": id });
    const second = await browser.post("/.session/refresh", { "sec-secure-session-id": id });
    expect([first.status, second.status]).toEqual([403, 403]);
    expect(first.headers.get("secure-session-challenge")).toMatch(/^"[\w-]{43}";id="[\w-]{22}\.[\w-]{8}"$/);
    expect(second.headers.get("secure-session-challenge")).toBe(
      first.headers.get("secure-session-challenge"),
    );
    expect(app.store.takeCalls(), "whoever asks makes the store write nothing").toEqual(["find", "find"]);
  });

  it("may refresh many times at once", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    app.clock.advance(5 * MINUTE_MS);
    const tabs = Array.from({ length: 4 }, () => {
      const tab = browser.stolen(SESSION);
      tab.device = browser.device;
      tab.binding = { ...(browser.binding as NonNullable<typeof browser.binding>) };
      return tab;
    });
    const bodies = await Promise.all(tabs.map(async (tab) => (await tab.get()).body));
    expect(new Set(bodies)).toEqual(new Set(["u1 bound"]));
    // Whichever of the cookies comes last is the one that the browser keeps.
    for (const tab of tabs) expect((await tab.send("/")).body).toBe("u1 bound");
  });

  it("keeps the binding through renewals, and may refresh during one", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    const before = browser.stolen(SESSION);
    before.device = browser.device;
    before.binding = { ...(browser.binding as NonNullable<typeof browser.binding>) };
    expect((await browser.get("/renew")).headers.get("secure-session-registration")).toBeNull();
    expect((await before.refresh()).status, "with the old token, whose cookie is about to change").toBe(200);
    browser.cookies.set(BOUND, before.cookies.get(BOUND) as string);
    expect((await browser.get()).body).toBe("u1 bound");
  });

  it("binds anew when another user takes the session over", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    const { id } = browser.binding ?? {};
    await browser.get("/login?user=u2");
    expect(browser.binding?.id).not.toBe(id);
    expect((await browser.get()).body).toBe("u2 bound");
    const former = await browser.post("/.session/refresh", { "sec-secure-session-id": `"${id}"` });
    expect(former.status, "which ends the former binding in the browser").toBe(404);
  });

  it("binds nothing before there is a user", async () => {
    await using app = await deviceBoundApp();
    const browser = app.open();
    expect((await browser.get("/cart")).headers.get("secure-session-registration")).toBeNull();
    expect((await browser.get()).body).toBe("nobody none");
    await browser.get("/login");
    expect((await browser.get()).body).toBe("u1 bound");
  });

  it("binds each session of a manager without owner", async () => {
    await using app = await run((session, res) => void res.end(session.set("a", 1).binding), {
      deviceBound: true,
    });
    const browser = new BoundBrowser(app.url);
    await browser.get();
    expect((await browser.get()).body).toBe("bound");
  });
});

describe("a browser that cannot", () => {
  it("works as before, and the app can see that", async () => {
    await using app = await deviceBoundApp();
    const browser = app.open();
    browser.canBind = false;
    await browser.get("/login");
    app.clock.advance(60 * MINUTE_MS);
    expect((await browser.get()).body).toBe("u1 asked");
    await browser.get("/cart");
    expect((await browser.get()).body, "asked no more").toBe("u1 none");
    await browser.get("/renew");
    expect((await browser.get()).body, "asked again").toBe("u1 asked");
  });

  it("on plain http is not asked, beside those on https", async () => {
    await using app = await deviceBoundApp({ cookie: { secure: "auto" }, trustProxy: true });
    const ask = async (origin: string, headers: Record<string, string> = {}) =>
      (await app.open(origin).send("/login", { headers })).headers.get("secure-session-registration");
    expect(await ask("http://shop.test")).toBeNull();
    expect(await ask("https://shop.test")).toMatch(/challenge=/);
    expect(await ask("http://shop.test", { "x-forwarded-proto": "https" })).toMatch(/challenge=/);
  });
});

describe("a thief", () => {
  it("with only the session's cookie has no access", async () => {
    await using app = await deviceBoundApp();
    const events: unknown[] = [];
    app.sessions.on("unproven", (event) => events.push(event));
    const browser = await boundBrowser(app);
    app.clock.advance(MINUTE_MS);
    const thief = browser.stolen(SESSION);
    expect((await thief.get()).body).toBe("nobody unproven");
    expect((await thief.get("/logout")).body).toBe("nobody unproven");
    const [session] = await app.sessions.list("u1");
    expect(events).toEqual([
      { owner: "u1", handle: session?.handle },
      { owner: "u1", handle: session?.handle },
    ]);
    expect((await browser.get()).body, "the user goes on").toBe("u1 bound");
  });

  it("has no access by any other API", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    app.clock.advance(MINUTE_MS);
    const { sessions } = app;
    const token = browser.token as string;
    expect((await sessions.load(token)).has("userId")).toBe(false);
    expect((await sessions.load(token)).binding).toBe("unproven");
    expect(await sessions.exists(token)).toBe(false);
    const headers = { cookie: `${SESSION}=${token}` };
    expect((await sessions.load({ headers })).has("userId")).toBe(false);
    const other = await sessions.load(undefined);
    expect(await other.merge(token)).toBe(false);
    expect(other.has("userId")).toBe(false);
    await sessions.use(token, (session) => expect(session.has("userId")).toBe(false));
    const request = new Request("https://a.test/", { headers });
    await withSession(sessions, request, (session) => {
      expect(session.has("userId")).toBe(false);
      return new Response("");
    });
    const both = { cookie: `${SESSION}=${token}; ${BOUND}=${browser.cookies.get(BOUND)}` };
    expect((await sessions.load({ headers: both })).get("userId"), "with both cookies").toBe("u1");
  });

  it("with the session's token in a body has no access", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    app.clock.advance(MINUTE_MS);
    const server = createServer(async (req, res) => {
      const session = await app.sessions.start(req, res, { token: browser.token });
      res.end(session.binding);
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as { port: number };
    expect(await (await fetch(`http://127.0.0.1:${port}`)).text()).toBe("unproven");
    server.close();
    server.closeAllConnections();
  });

  it("has no access from the moment of the binding", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    const { status, headers, body } = await browser.stolen(SESSION).send("/?a=1");
    expect([status, headers.get("location"), body]).toEqual([307, "/?a=1", ""]);
  });

  it("with both cookies has access for minutes only", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    const thief = browser.stolen(SESSION, BOUND);
    expect((await thief.get()).body).toBe("u1 bound");
    app.clock.advance(5 * MINUTE_MS);
    browser.expireBoundCookie();
    await browser.get();
    app.clock.advance(MINUTE_MS);
    expect((await thief.get()).body).toBe("nobody unproven");
    expect((await browser.get()).body).toBe("u1 bound");
  });

  it("cannot bind the session to another device", async () => {
    await using app = await deviceBoundApp();
    const browser = app.open();
    browser.canBind = false;
    const { headers } = await browser.get("/login");
    const asked = headers.get("secure-session-registration") as string;
    const thief = browser.stolen(SESSION);
    const guess = asked.replace(/challenge="[^"]+"/, `challenge="${"A".repeat(43)}"`);
    expect((await thief.bind(guess)).status).toBe(403);
    expect((await browser.bind(asked)).status).toBe(200);
    expect((await thief.bind(asked)).status, "once it is bound").toBe(403);
    const victim = app.open();
    expect((await victim.bind(asked)).status, "without the session's token").toBe(403);
  });
});

describe("a request that was sent too early", () => {
  it("to have the cookie of a session just bound is repeated", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    const before = browser.stolen(SESSION);
    const { status } = await before.send("/cart", { method: "POST", body: "a" });
    expect(status, "with its method and its body").toBe(307);
    before.cookies.set(BOUND, browser.cookies.get(BOUND) as string);
    expect((await before.send("/cart", { method: "POST", body: "a" })).body).toBe("u1 bound");
  });

  it("to have the cookie of the last refresh is repeated, and its old cookie cleared", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    const before = browser.stolen(SESSION, BOUND);
    before.device = browser.device;
    before.binding = { ...(browser.binding as NonNullable<typeof browser.binding>) };
    app.clock.advance(5 * MINUTE_MS);
    browser.expireBoundCookie();
    await browser.get();
    expect((await before.send("/")).body, "for requests in flight").toBe("u1 bound");
    app.clock.advance(MINUTE_MS);
    const { status, setCookies } = await before.send("/");
    expect(status).toBe(307);
    expect(setCookies).toEqual([expect.stringMatching(/^__Host-session-bound=; Max-Age=0; /)]);
    expect((await before.get()).body, "which lets the browser refresh").toBe("u1 bound");
  });
});

describe("the binding ends", () => {
  it("by a log-out, which clears both cookies", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    const { setCookies } = await browser.get("/logout");
    expect(setCookies).toEqual([
      expect.stringMatching(/^__Host-session=; Max-Age=0;/),
      expect.stringMatching(/^__Host-session-bound=; Max-Age=0;/),
    ]);
    expect(browser.cookies.size).toBe(0);
    expect((await browser.get()).body).toBe("nobody none");
    expect(browser.binding, "the browser asked once more, and was told").toBeUndefined();
  });

  it.each(["revoke", "revokeAll"] as const)("by %s, on another device", async (method) => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    const [session] = await app.sessions.list("u1");
    if (method === "revoke") await app.sessions.revoke(session?.handle as string);
    else await app.sessions.revokeAll("u1");
    expect((await browser.get()).body).toBe("nobody none");
    browser.expireBoundCookie();
    expect((await browser.refresh()).status).toBe(404);
  });

  it("with the session, by its timeouts", async () => {
    await using app = await deviceBoundApp({ idleTimeoutMs: 30 * MINUTE_MS });
    const browser = await boundBrowser(app);
    app.clock.advance(20 * MINUTE_MS);
    expect((await browser.refresh()).status, "a refresh is a use").toBe(200);
    app.clock.advance(20 * MINUTE_MS);
    browser.expireBoundCookie();
    expect((await browser.get()).body).toBe("u1 bound");
    app.clock.advance(30 * MINUTE_MS);
    expect((await browser.refresh()).status).toBe(404);
  });

  it("and the user may log in again, even if the browser has lost its key", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    browser.binding = undefined;
    browser.cookies.delete(BOUND);
    app.clock.advance(MINUTE_MS);
    expect((await browser.get()).body).toBe("nobody unproven");
    await browser.get("/login");
    expect((await browser.get()).body).toBe("u1 bound");
  });
});

describe("the app's own", () => {
  it("requests pass: another method, another path", async () => {
    await using app = await deviceBoundApp();
    const browser = app.open();
    expect((await browser.send("/.session/bind")).body).toBe("nobody none");
    expect((await browser.send("/.session/other", { method: "POST" })).body).toBe("nobody none");
    expect((await browser.send("/.session", { method: "POST" })).body).toBe("nobody none");
    expect((await browser.send("/.session/bind?a=1", { method: "POST" })).status).toBe(403);
  });

  it.each(["/.session/refresh", "/"])(
    "answer to %s leaves if it comes before the manager's",
    async (path) => {
      await using app = await deviceBoundApp();
      const browser = await boundBrowser(app);
      const find = app.store.pause("find");
      const middleware = app.sessions.middleware();
      const done = new Signal();
      await using server = await serve((req, res) => {
        middleware(req, res, () => undefined);
        res.writeHead(503).end("too slow");
        res.once("finish", done.give);
      });
      const id = browser.binding?.id as string;
      const headers = { cookie: `${SESSION}=${browser.token}`, "sec-secure-session-id": id };
      const answer = fetch(server.url + path, { method: path === "/" ? "GET" : "POST", headers });
      await Promise.all([find.reached, done.given]);
      find.release();
      expect((await answer).status).toBe(503);
      expect(app.errors).toEqual([]);
    },
  );

  it("path is where browsers bind and refresh", async () => {
    await using app = await deviceBoundApp({ deviceBound: { path: "/account/device" } });
    const browser = await boundBrowser(app);
    app.clock.advance(5 * MINUTE_MS);
    browser.expireBoundCookie();
    expect((await browser.get()).body).toBe("u1 bound");
    expect(browser.own).toEqual(["/account/device/bind", "/account/device/refresh"]);
  });

  it("events report a binding", async () => {
    await using app = await deviceBoundApp();
    const events: unknown[] = [];
    app.sessions.on("bound", (event) => events.push(event));
    const browser = await boundBrowser(app);
    await browser.refresh();
    const [session] = await app.sessions.list("u1");
    expect(events).toEqual([{ owner: "u1", handle: session?.handle }]);
  });
});

describe("a store that fails", () => {
  it("does not change the binding, and the browser tries again", async () => {
    await using app = await deviceBoundApp();
    const browser = await boundBrowser(app);
    browser.expireBoundCookie();
    app.store.fail("replace", new Error("unreachable"));
    expect((await browser.refresh()).status).toBe(500);
    expect(app.errors).toMatchObject([{ message: "unreachable" }]);
    app.store.fail("replace");
    expect((await browser.get()).body).toBe("u1 bound");
  });
});

describe("options that cannot work are refused", () => {
  const cases: [Partial<SessionManagerOptions>, RegExp][] = [
    [{ cookie: { secure: false } }, /deviceBound needs https/],
    [{ cookie: { partitioned: true, sameSite: "none" } }, /does not work with cookie\.partitioned/],
    [{ cookie: { domain: "a.test" } }, /a cookie of one host/],
    [{ cookie: { path: "/app" } }, /of path "\/"/],
    [{ deviceBound: "yes" as never }, /must be true, false, or an object/],
    [{ deviceBound: null as never }, /must be true, false, or an object/],
    [{ deviceBound: { path: "session" } }, /must be a path such as/],
    [{ deviceBound: { path: '/a"b' } }, /must be a path such as/],
    [{ deviceBound: { path: "/" } }, /must be a path such as/],
    [{ deviceBound: { refreshAfterMs: 5 } }, /from 10000 to 3600000, got 5/],
    [{ deviceBound: { maxAge: 5 } as never }, /there is no option deviceBound\.maxAge/],
  ];
  it.each(cases)("%o", async (options, message) => {
    await using app = await run((_, res) => void res.end());
    const make = () => new SessionManager({ store: app.store, deviceBound: true, ...options });
    expect(make).toThrow(message);
  });

  it("a manager for Next.js, which passes on no second cookie", async () => {
    await using app = await deviceBoundApp();
    const cookies = async () => ({ get: () => undefined, set: () => undefined });
    expect(() => nextSessions(app.sessions, { cookies })).toThrow(/without deviceBound/);
  });

  it("a store without replace, a transport without cookies", async () => {
    await using app = await run((_, res) => void res.end());
    const { memory } = app.store;
    const plain = {
      find: (token: string) => memory.find(token),
      commit: (token: string, data: Uint8Array, expiry: Date) => memory.commit(token, data, expiry),
      delete: (token: string) => memory.delete(token),
    };
    expect(() => new SessionManager({ store: plain, deviceBound: true })).toThrow(
      "needs a store with replace()",
    );
    const { headerTransport } = await import("../src/index.js");
    const transport = headerTransport("x-session");
    expect(() => new SessionManager({ store: memory, deviceBound: true, transport })).toThrow(
      "deviceBound needs the session's cookie",
    );
  });
});
