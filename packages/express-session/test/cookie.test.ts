import type { Request, Response } from "express";
import { describe, expect, it } from "vitest";
import session, { Cookie, type CookieOptions, type SessionOptions } from "../src/index.js";
import { run, views } from "./fixtures/app.js";
import { MovingClock } from "./fixtures/moving-clock.js";

const DAY_MS = 86_400_000;

/** Returns the attributes of the cookie that a first response sets. */
async function cookieOf(
  options: SessionOptions,
  change: (req: Request) => unknown = () => undefined,
  path = "/",
): Promise<string[]> {
  const route = (req: Request, res: Response) => {
    if (req.session) req.session.views = 1;
    change(req);
    res.end();
  };
  await using app = await run({ "/": route, [path]: route }, options);
  const { setCookies } = await app.browser().get(path);
  return setCookies.flatMap((cookie) => cookie.split("; ").slice(1));
}

describe("the option cookie", () => {
  it.each<[string, CookieOptions, string[]]>([
    ["nothing", {}, ["Path=/", "HttpOnly"]],
    ["domain", { domain: "example.com" }, ["Domain=example.com", "Path=/", "HttpOnly"]],
    ["httpOnly: false", { httpOnly: false }, ["Path=/"]],
    ["path", { path: "/admin" }, ["Path=/admin", "HttpOnly"]],
    ["priority", { priority: "high" }, ["Path=/", "HttpOnly", "Priority=High"]],
    ["partitioned", { partitioned: true }, ["Path=/", "HttpOnly", "Partitioned"]],
    ["sameSite: true", { sameSite: true }, ["Path=/", "HttpOnly", "SameSite=Strict"]],
    ["sameSite: lax", { sameSite: "lax" }, ["Path=/", "HttpOnly", "SameSite=Lax"]],
    ["sameSite: none", { sameSite: "none" }, ["Path=/", "HttpOnly", "SameSite=None"]],
    ["sameSite: auto, over http", { sameSite: "auto" }, ["Path=/", "HttpOnly", "SameSite=Lax"]],
    ["secure: auto, over http", { secure: "auto" }, ["Path=/", "HttpOnly"]],
    ["maxAge: null", { maxAge: null }, ["Path=/", "HttpOnly"]],
    ["data, which is computed", { data: {} } as never, ["Path=/", "HttpOnly"]],
  ])("with %s", async (_, cookie, attributes) => {
    const found = await cookieOf({ cookie }, undefined, cookie.path ?? "/");
    expect(found.sort()).toEqual(attributes.sort());
  });

  it.each<[CookieOptions, string[]]>([
    [{ secure: "auto" }, ["Path=/", "HttpOnly", "Secure"]],
    [{ sameSite: "auto" }, ["Path=/", "HttpOnly", "SameSite=None"]],
    [{ secure: true }, ["Path=/", "HttpOnly", "Secure"]],
  ])("%j over https", async (cookie, attributes) => {
    await using app = await run(views, { proxy: true, cookie });
    const { setCookies } = await app.browser().get("/", { "X-Forwarded-Proto": "https" });
    expect(setCookies[0]?.split("; ").slice(1).sort()).toEqual(attributes.sort());
  });

  it("secure: true sets no cookie over http", async () => {
    expect(await cookieOf({ cookie: { secure: true } })).toEqual([]);
  });

  it("maxAge gives Expires, and the last of maxAge and expires counts", async () => {
    await using app = await run(views, { cookie: { maxAge: 5000 } });
    const expires = `Expires=${new Date(app.clock.now() + 5000).toUTCString()}`;
    expect((await app.browser().get()).setCookies[0]).toContain(expires);
    const date = new Date(new MovingClock().now() + DAY_MS);
    expect(await cookieOf({ cookie: { maxAge: 5000, expires: date } })).toContain(
      `Expires=${date.toUTCString()}`,
    );
    expect(await cookieOf({ cookie: { expires: date, maxAge: 5000 } })).toContain(expires);
  });

  const soon = new Date(new MovingClock().now() + 5000);

  it.each<[string, CookieOptions]>([
    ["expires: a date", { expires: soon }],
    ["expires: a date as text", { expires: soon.toISOString() }],
    ["maxAge: a date", { maxAge: soon }],
  ])("%s is the end of the cookie and of the session", async (_, cookie) => {
    await using app = await run(views, { cookie });
    app.clock.advance(1000);
    expect((await app.browser().get()).setCookies[0]).toContain(`Expires=${soon.toUTCString()}`);
    const { value: entry } = await app.store.entries().next();
    expect(entry?.expiry).toEqual(soon);
  });

  it.each<[string, CookieOptions, number | null]>([
    ["expires: a number, as maxAge", { expires: 5000 }, 5000],
    ["maxAge: NaN, as none", { maxAge: Number.NaN }, null],
    ["expires: NaN, as none", { expires: Number.NaN }, null],
    ["expires: an invalid date, as none", { expires: new Date("x") }, null],
    ["maxAge: false, as none", { maxAge: false } as never, null],
    ["expires: false, as none", { expires: false }, null],
  ])("takes %s", async (_, cookie, maxAge) => {
    await using app = await run(
      { "/": (req, res) => res.json([req.session.cookie.maxAge, req.session.cookie.originalMaxAge]) },
      { cookie },
    );
    const { setCookies, json } = await app.browser().get();
    const expires = /; Expires=([^;]*)/.exec(setCookies[0] as string)?.[1] ?? null;
    expect(expires).toBe(maxAge && new Date(app.clock.now() + maxAge).toUTCString());
    expect(json()).toEqual([maxAge, maxAge]);
    const { value: entry } = await app.store.entries().next();
    expect(entry?.expiry.getTime()).toBe(app.clock.now() + (maxAge ?? DAY_MS));
  });

  it("a path outside of the request's path leaves the request without a session", async () => {
    await using app = await run(
      { "/": (req, res) => res.json(req.session === undefined) },
      { cookie: { path: "/foo" } },
    );
    expect((await app.browser().get()).json()).toBe(true);
  });

  it("may be a function of the request", async () => {
    await using app = await run(
      { "/a/x": views["/"] as never, "/b/x": views["/"] as never },
      {
        cookie: (req) => ({
          path: req.url.slice(0, 2),
          maxAge: req.url.startsWith("/a") ? 1000 : null,
          secure: "auto",
        }),
      },
    );
    const [a, b] = [await app.browser().get("/a/x"), await app.browser().get("/b/x")];
    expect(a.setCookies[0]).toMatch(/; Path=\/a; Expires=/);
    expect(b.setCookies[0]).toMatch(/; Path=\/b; HttpOnly$/);
  });

  it("uses the maxAge of a function for each session", async () => {
    await using app = await run(views, { cookie: () => ({ maxAge: 1000 }), saveUninitialized: false });
    const browser = app.browser();
    await browser.get();
    app.clock.advance(999);
    expect((await browser.get()).json()).toMatchObject({ views: 2 });
    app.clock.advance(1000);
    expect((await browser.get()).json()).toMatchObject({ views: 1 });
  });
});

describe("req.session.cookie", () => {
  it.each<[string, (cookie: Cookie) => unknown, string]>([
    ["secure", (cookie) => Object.assign(cookie, { secure: false }), "Path=/; HttpOnly"],
    ["httpOnly", (cookie) => Object.assign(cookie, { httpOnly: false }), "Path=/"],
    ["path", (cookie) => Object.assign(cookie, { path: "/x" }), "Path=/x; HttpOnly"],
    [
      "domain",
      (cookie) => Object.assign(cookie, { domain: "example.com" }),
      "Domain=example.com; Path=/; HttpOnly",
    ],
    [
      "sameSite",
      (cookie) => Object.assign(cookie, { sameSite: "strict" }),
      "Path=/; HttpOnly; SameSite=Strict",
    ],
    ["expires: null", (cookie) => Object.assign(cookie, { expires: null }), "Path=/; HttpOnly"],
    ["expires: false", (cookie) => Object.assign(cookie, { expires: false }), "Path=/; HttpOnly"],
    ["maxAge: null", (cookie) => Object.assign(cookie, { maxAge: null }), "Path=/; HttpOnly"],
    ["maxAge: NaN", (cookie) => Object.assign(cookie, { maxAge: Number.NaN }), "Path=/; HttpOnly"],
    [
      "expires: a number",
      (cookie) => Object.assign(cookie, { expires: 5000 }),
      `Expires=${new Date(new MovingClock().now() + 5000).toUTCString()}; Path=/; HttpOnly`,
    ],
  ])("%s may be set for one session", async (_, change, expected) => {
    const options = { cookie: { maxAge: _.includes(":") ? 1000 : undefined } } as SessionOptions;
    const found = await cookieOf(options, (req) => change(req.session.cookie as unknown as Cookie));
    expect(found.sort()).toEqual(expected.split("; ").sort());
  });

  it("has maxAge, expires and originalMaxAge, and no cookie among the session's own keys", async () => {
    await using app = await run(
      {
        "/": (req, res) => {
          req.session.views = 1;
          const { maxAge, originalMaxAge, expires } = req.session.cookie;
          const keys = Object.keys(req.session);
          const all: string[] = [];
          for (const key in req.session) all.push(key);
          res.json({ maxAge, originalMaxAge, expires, keys, all });
        },
      },
      { cookie: { maxAge: 60_000 } },
    );
    const browser = app.browser();
    const own = { originalMaxAge: 60_000, keys: ["views"], all: ["views"] };
    const expires = new Date(app.clock.now() + 60_000).toISOString();
    expect((await browser.get()).json()).toEqual({ ...own, maxAge: 60_000, expires });
    app.clock.advance(1000);
    expect((await browser.get()).json()).toEqual({ ...own, maxAge: 59_000, expires });
  });

  it("ends a session exactly maxAge after its last use", async () => {
    await using app = await run(views, { cookie: { maxAge: 60_000 } });
    const browser = app.browser();
    await browser.get();
    for (let times = 0; times < 5; times++) {
      app.clock.advance(53_000);
      expect((await browser.get("/look")).json()).toMatchObject({ views: 1 });
    }
    app.clock.advance(60_000);
    expect((await browser.get("/look")).json()).toMatchObject({ views: 0 });
  });

  it("without maxAge, ends a session a day, or idleTimeoutMs, after its last use", async () => {
    for (const [options, ms] of [[{}, DAY_MS] as const, [{ idleTimeoutMs: 5000 }, 5000] as const]) {
      await using app = await run(views, options);
      const browser = app.browser();
      await browser.get();
      app.clock.advance(ms - 1);
      expect((await browser.get()).json()).toMatchObject({ views: 2 });
      app.clock.advance(ms);
      expect((await browser.get()).json()).toMatchObject({ views: 1 });
    }
  });

  it("ends a session and its cookie after lifetimeMs, even if it is in use", async () => {
    await using app = await run(views, { lifetimeMs: 5000, cookie: { maxAge: 4000 } });
    const browser = app.browser();
    await browser.get();
    app.clock.advance(3000);
    const end = new Date(app.clock.now() + 2000).toUTCString();
    expect((await browser.get()).setCookies[0]).toContain(`Expires=${end}`);
    app.clock.advance(2000);
    expect((await browser.get()).json()).toMatchObject({ views: 1 });
  });

  const remember = {
    ...views,
    "/remember": (req: Request, res: Response) => {
      req.session.user = "u1";
      req.session.cookie.maxAge = 30 * DAY_MS;
      res.end();
    },
    "/forget": (req: Request, res: Response) => {
      req.session.cookie.expires = null;
      res.end();
    },
    "/who": (req: Request, res: Response) => res.json([req.session.user, req.session.cookie.originalMaxAge]),
  };

  it("allows a different maxAge for one session: remember me", async () => {
    await using app = await run(remember);
    const browser = app.browser();
    const { setCookies } = await browser.get("/remember");
    expect(setCookies[0]).toContain(`Expires=${new Date(app.clock.now() + 30 * DAY_MS).toUTCString()}`);
    app.clock.advance(20 * DAY_MS);
    expect((await browser.get("/who")).json()).toEqual(["u1", 30 * DAY_MS]);
    app.clock.advance(20 * DAY_MS);
    expect((await browser.get("/who")).json()).toEqual(["u1", 30 * DAY_MS]);
    expect((await browser.get("/")).setCookies[0]).toContain("Expires=");
    const [forgotten] = (await browser.get("/forget")).setCookies;
    expect(forgotten?.split("; ").slice(1).sort()).toEqual(["HttpOnly", "Path=/"]);
    expect((await browser.get("/")).setCookies).toEqual([]); // without maxAge, there is nothing to restart
    expect((await browser.get("/who")).json()).toEqual(["u1", null]);
    app.clock.advance(DAY_MS);
    expect((await browser.get("/who")).json()).toEqual([null, null]);
  });

  it.each<[string, CookieOptions, CookieOptions, string]>([
    ["expires: false", { maxAge: DAY_MS }, { expires: false }, "HttpOnly; Path=/"],
    ["maxAge: null", { maxAge: DAY_MS }, { maxAge: null }, "HttpOnly; Path=/"],
    ["sameSite", {}, { sameSite: "strict" }, "HttpOnly; Path=/; SameSite=Strict"],
    ["httpOnly", { expires: false }, { httpOnly: false }, "Path=/"],
  ])("is sent again when its attributes change, once: %s", async (_, cookie, change, attributes) => {
    const routes = {
      ...views,
      "/change": (req: Request, res: Response) => {
        Object.assign(req.session.cookie, change);
        res.end();
      },
    };
    await using app = await run(routes, { cookie });
    const browser = app.browser();
    await browser.get();
    const [changed] = (await browser.get("/change")).setCookies;
    expect(changed?.split("; ").slice(1).sort().join("; ")).toBe(attributes);
    for (const path of ["/", "/change"]) expect((await browser.get(path)).setCookies).toEqual([]);
  });

  it("keeps a session's own attributes when the manager saves it", async () => {
    await using app = await run(remember);
    const browser = app.browser();
    await browser.get("/remember");
    const [[key] = []] = await app.store.all();
    const { sessions } = app.handler;
    await sessions.iterate((each) => each.set("views", 7));
    expect((await app.store.find(key as string))?.expiry.getTime()).toBe(app.clock.now() + 30 * DAY_MS);
    expect((await browser.get("/look")).json()).toMatchObject({ views: 7 });
  });

  it("touch and resetMaxAge restart its maxAge", async () => {
    await using app = await run(
      {
        ...views,
        "/touch": (req, res) => {
          const { cookie } = req.session;
          const before = cookie.maxAge;
          const isChained = req.session.touch() === req.session && req.session.resetMaxAge() === req.session;
          res.json([before, cookie.maxAge, isChained]);
        },
      },
      { cookie: { maxAge: 60_000 } },
    );
    const browser = app.browser();
    await browser.get();
    app.clock.advance(10_000);
    expect((await browser.get("/touch")).json()).toEqual([50_000, 60_000, true]);
  });
});

describe("Cookie", () => {
  it("has defaults", () => {
    const { path, httpOnly, maxAge, expires, originalMaxAge } = new Cookie();
    expect({ path, httpOnly, maxAge, expires, originalMaxAge }).toEqual({
      ...{ path: "/", httpOnly: true, maxAge: null, expires: null, originalMaxAge: null },
    });
  });

  it("accepts attributes, and refuses invalid ones", () => {
    for (const none of [null, undefined, false]) expect(new Cookie(none as never)).toEqual(new Cookie());
    expect(new Cookie({ originalMaxAge: 5 }).originalMaxAge).toBe(5);
    expect(new Cookie({ expires: new Date(0) }).expires).toEqual(new Date(0));
    expect(() => new Cookie(42 as never)).toThrow(/argument options/);
    expect(() => new Cookie({ maxAge: "5" as never })).toThrow("maxAge must be a number or Date");
    expect(new Cookie({ maxAge: new Date(0) }).expires).toEqual(new Date(0));
  });

  it("serializes to a header, and to JSON in express-session's format", () => {
    const cookie = new Cookie({ maxAge: 1000, sameSite: "lax" }, () => 0);
    expect(cookie.serialize("name", "value")).toBe(
      "name=value; Path=/; Expires=Thu, 01 Jan 1970 00:00:01 GMT; HttpOnly; SameSite=Lax",
    );
    expect(JSON.parse(JSON.stringify(cookie))).toEqual({
      ...{
        originalMaxAge: 1000,
        expires: "1970-01-01T00:00:01.000Z",
        httpOnly: true,
        path: "/",
        sameSite: "lax",
      },
    });
    expect(session.Cookie).toBe(Cookie);
  });
});
