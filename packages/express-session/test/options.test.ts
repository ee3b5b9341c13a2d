import { createHmac } from "node:crypto";
import { MemStore } from "@scs/memstore";
import cookieParser from "cookie-parser";
import express from "express";
import { describe, expect, it } from "vitest";
import session, { type SessionOptions } from "../src/index.js";
import { run, views } from "./fixtures/app.js";
import { Browser } from "./fixtures/browser.js";
import { serve } from "./fixtures/serve.js";

const SID = "connect.sid";
const lean: SessionOptions = { resave: false, saveUninitialized: false };

describe("secret", () => {
  it("is required", async () => {
    await using app = await run(views, { secret: undefined as never });
    const { status, text } = await app.browser().get();
    expect([status, text]).toEqual([500, "secret option required for sessions"]);
  });

  it("may come from cookie-parser, as req.secret", async () => {
    await using app = await run(views, { secret: undefined as never }, (each) =>
      each.use(cookieParser("parser")),
    );
    const browser = app.browser();
    await browser.get();
    expect((await browser.get()).json()).toMatchObject({ views: 2 });
  });

  it("must not be an empty array", () => {
    expect(() => session({ secret: [] })).toThrow(/secret option array must contain one or more strings/);
  });

  it.each<[string, SessionOptions["secret"]]>([
    ["a Buffer", Buffer.from("keyboard cat")],
    ["several", ["keyboard cat", "nyan cat"]],
  ])("may be %s", async (_, secret) => {
    await using app = await run(views, { secret: secret as string });
    const browser = app.browser();
    await browser.get();
    const [, token, signature] =
      /^s:(.+)\.(.+)$/.exec(decodeURIComponent(browser.cookies.get(SID) as string)) ?? [];
    const expected = createHmac("sha256", "keyboard cat")
      .update(token as string)
      .digest("base64");
    expect(`${signature}=`).toBe(expected);
    expect((await browser.get()).json()).toMatchObject({ views: 2 });
  });

  it("signs with the first of several, and accepts all", async () => {
    await using old = await run(views, { secret: "nyan cat" });
    const browser = old.browser();
    await browser.get();
    await using app = await run(views, { secret: ["keyboard cat", "nyan cat"], store: old.store });
    const rotated = app.browser(Object.fromEntries(browser.cookies));
    expect((await rotated.get()).json()).toMatchObject({ views: 2 });
  });

  it("ends all sessions when it is replaced", async () => {
    await using old = await run(views, { secret: "nyan cat" });
    const browser = old.browser();
    await browser.get();
    await using app = await run(views, { secret: "keyboard cat", store: old.store });
    expect((await app.browser(Object.fromEntries(browser.cookies)).get()).json()).toMatchObject({ views: 1 });
  });

  it.each([
    ["of another signature", (value: string) => `${value.slice(0, -3)}abc`],
    ["without a signature", (value: string) => value.slice(0, value.lastIndexOf("."))],
    ["unsigned", (value: string) => value.slice("s%3A".length)],
    ["malformed", () => "%E0%A4%A"],
    ["empty", () => ""],
  ])("a cookie %s begins a new session, and is not looked up", async (_, forge) => {
    await using app = await run(views);
    const browser = app.browser();
    const { id } = (await browser.get()).json() as { id: string };
    const unknown: unknown[] = [];
    app.handler.sessions.on("unknown", (event) => unknown.push(event));
    const forged = app.browser({ [SID]: forge(browser.cookies.get(SID) as string) });
    const answer = await forged.get();
    expect(answer.json()).toMatchObject({ views: 1 });
    expect((answer.json() as { id: string }).id).not.toBe(id);
    expect(unknown).toEqual([]);
    expect(forged.cookies.get(SID)).toMatch(/^s%3A/);
  });
});

describe("name", () => {
  it.each(["name", "key"] as const)("sets the name of the cookie, as %s", async (option) => {
    await using app = await run(views, { [option]: "sid" });
    const browser = app.browser({ [SID]: "another" });
    expect((await browser.get()).setCookies).toEqual([expect.stringMatching(/^sid=s%3A/)]);
    expect((await browser.get()).json()).toMatchObject({ views: 2 });
  });

  it('is "connect.sid" by default', async () => {
    await using app = await run(views);
    expect((await app.browser().get()).setCookies).toEqual([expect.stringMatching(/^connect\.sid=s%3A/)]);
  });
});

describe("store", () => {
  it("is a MemStore by default", async () => {
    const handler = session({ secret: "keyboard cat" });
    const app = express().use(handler);
    app.get("/", (req, res) => {
      req.session.views = (req.session.views ?? 0) + 1;
      res.json(req.session.views);
    });
    await using served = await serve(app);
    const browser = new Browser(served.url);
    await browser.get();
    expect((await browser.get()).json()).toBe(2);
    expect(await handler.sessions.gc()).toBe(0);
  });

  it("may be a session.MemoryStore, which is a MemStore", async () => {
    expect(session.MemoryStore).toBe(MemStore);
    await using app = await run(views, { store: new session.MemoryStore({ cleanupIntervalMs: 0 }) });
    expect((await app.browser().get()).json()).toMatchObject({ views: 1 });
  });

  it("must be a store of @scs", () => {
    const old = { get() {}, set() {}, destroy() {} };
    expect(() => session({ secret: "x", store: old as never })).toThrow(/importFrom.*@scs\/bridge/);
  });

  it("passes its error to next, without a session, if a load fails", async () => {
    await using app = await run(views);
    const browser = app.browser();
    await browser.get();
    app.store.find = () => Promise.reject(new Error("boom!"));
    const { status, text } = await browser.get();
    expect([status, text]).toEqual([500, "boom!"]);
  });

  it("turns the response into a 500 if a save fails", async () => {
    await using app = await run(views);
    app.store.replace = () => Promise.reject(new Error("boom!"));
    const { status, setCookies } = await app.browser().get();
    expect([status, setCookies]).toEqual([500, []]);
    expect(app.errors.map(({ message }) => message)).toEqual(["boom!"]);
  });
});

describe("saveUninitialized", () => {
  const quiet = { "/": (_req: unknown, res: express.Response) => res.end("quiet") };

  it.each([{}, { saveUninitialized: true }])(
    "saves a new session and sets its cookie (%j)",
    async (options) => {
      await using app = await run(quiet, options);
      const browser = app.browser();
      expect((await browser.get()).setCookies).toHaveLength(1);
      expect(await app.stored()).toBe(1);
      expect((await browser.get()).setCookies).toEqual([]);
      expect(await app.stored()).toBe(1);
    },
  );

  it("false saves a session only when it has a value", async () => {
    await using app = await run({ ...quiet, "/views": views["/"] as never }, lean);
    const browser = app.browser();
    expect((await browser.get()).setCookies).toEqual([]);
    expect(await app.stored()).toBe(0);
    expect((await browser.get("/views")).setCookies).toHaveLength(1);
    expect(await app.stored()).toBe(1);
  });

  it("true reports an error of the save", async () => {
    await using app = await run(quiet);
    app.store.replace = () => Promise.reject(new Error("boom!"));
    expect((await app.browser().get()).status).toBe(500);
  });

  it("true keeps req.sessionID from the first request on", async () => {
    await using app = await run(views);
    const browser = app.browser();
    const first = (await browser.get("/look")).json();
    expect((await browser.get("/look")).json()).toEqual(first);
  });
});

describe("rolling", () => {
  it("false sets the cookie once for an unchanged session", async () => {
    await using app = await run(views, { cookie: { maxAge: 60_000 } });
    const browser = app.browser();
    expect((await browser.get()).setCookies).toHaveLength(1);
    expect((await browser.get("/look")).setCookies).toEqual([]);
  });

  it("true sets the cookie with every response", async () => {
    await using app = await run(views, { rolling: true });
    const browser = app.browser();
    const [first] = (await browser.get()).setCookies;
    expect((await browser.get("/look")).setCookies).toEqual([first]);
  });

  it("true sets no cookie for a session that was not saved", async () => {
    await using app = await run(views, { ...lean, rolling: true });
    expect((await app.browser().get("/look")).setCookies).toEqual([]);
  });

  it("true restarts the cookie's maxAge", async () => {
    await using app = await run(views, { rolling: true, cookie: { maxAge: 60_000 } });
    const browser = app.browser();
    await browser.get();
    app.clock.advance(30_000);
    const expires = new Date(app.clock.now() + 60_000).toUTCString();
    expect((await browser.get("/look")).setCookies).toEqual([expect.stringContaining(`Expires=${expires}`)]);
  });
});

describe("unset", () => {
  const routes = {
    ...views,
    "/null": (req: express.Request, res: express.Response) => {
      req.session.views = 100;
      req.session = null as never;
      res.end();
    },
    "/delete": (req: express.Request, res: express.Response) => {
      delete (req as Partial<express.Request>).session;
      res.end();
    },
  };

  it("refuses other values", () => {
    expect(() => session({ unset: "bogus" as never })).toThrow(/unset option must be "destroy" or "keep"/);
  });

  it.each(["/null", "/delete"])(
    "keeps the session by default, without this request's changes (%s)",
    async (path) => {
      await using app = await run(routes, lean);
      const browser = app.browser();
      await browser.get();
      expect((await browser.get(path)).setCookies).toEqual([]);
      expect((await browser.get()).json()).toMatchObject({ views: 2 });
    },
  );

  it.each(["/null", "/delete"])('"destroy" ends the session when the response ends (%s)', async (path) => {
    await using app = await run(routes, { ...lean, unset: "destroy" });
    const browser = app.browser();
    await browser.get();
    const stale = browser.clone();
    await browser.get(path);
    expect(await app.stored()).toBe(0);
    expect((await stale.get()).json()).toMatchObject({ views: 1 });
  });

  it('"destroy" does nothing for a session that was never saved', async () => {
    await using app = await run(routes, { ...lean, unset: "destroy" });
    expect((await app.browser().get("/null")).setCookies).toEqual([]);
    expect(await app.stored()).toBe(0);
  });

  it("reports an error if req.session was replaced by a plain object", async () => {
    await using app = await run({
      "/": (req, res) => {
        req.session = { user: "u1" } as never;
        res.end();
      },
    });
    expect((await app.browser().get()).status).toBe(500);
    expect(app.errors[0]?.message).toMatch(/^req\.session was replaced/);
  });
});

describe("proxy", () => {
  const secure = { ...lean, cookie: { secure: true, maxAge: 5000 } };
  const forwarded = { "X-Forwarded-Proto": "https" };

  it.each<[string, Partial<SessionOptions>, Record<string, string>, boolean, number]>([
    ["true: X-Forwarded-Proto counts", { proxy: true }, forwarded, false, 1],
    ["true: in capitals as well", { proxy: true }, { "X-Forwarded-Proto": "HTTPS" }, false, 1],
    ["true: the first of several counts", { proxy: true }, { "X-Forwarded-Proto": "https,http" }, false, 1],
    ["true: not a later one", { proxy: true }, { "X-Forwarded-Proto": "http,https" }, false, 0],
    ["true: http without it", { proxy: true }, {}, false, 0],
    ["false: it does not count", { proxy: false }, forwarded, true, 0],
    ["left out: it does not count by itself", {}, forwarded, false, 0],
    ["left out: it counts by Express's trust proxy", {}, forwarded, true, 1],
  ])("%s", async (_, options, headers, trust, cookies) => {
    await using app = await run(views, { ...secure, ...options }, (each) => each.set("trust proxy", trust));
    expect((await app.browser().get("/", headers)).setCookies).toHaveLength(cookies);
  });
});

describe("options without an effect", () => {
  it("require a function as genid", () => {
    expect(() => session({ genid: "x" as never })).toThrow(/genid option must be a function/);
  });

  it("are reported once, by name", async () => {
    const warnings: string[] = [];
    const listen = ({ message, code }: Error & { code?: string }) => {
      if (code === "SCS_OPTION") warnings.push(message);
    };
    process.on("warning", listen);
    const options = { secret: "x", resave: true, genid: () => "id", ttl: 5 };
    for (let times = 0; times < 2; times++) session(options);
    session({ ...lean, secret: "x", cookie: {}, name: "sid", proxy: true, rolling: true, unset: "keep" });
    await new Promise(setImmediate);
    process.off("warning", listen);
    expect(warnings).toEqual([
      expect.stringMatching(/resave: true has no effect/),
      expect.stringMatching(/genid has no effect/),
      expect.stringMatching(/there is no option "ttl"/),
    ]);
  });

  it("refuse rollback without an old store", () => {
    expect(() => session({ rollback: true })).toThrow(/importFrom, with set and destroy/);
    expect(() => session({ importFrom: {} as never })).toThrow(/get\(sid, callback\)/);
  });
});

describe("an option without a value", () => {
  it.each(["cookie", "store", "genid", "name", "unset", "proxy", "rolling", "importFrom"])(
    "counts as left out: %s",
    async (option) => {
      for (const nothing of [null, undefined, false, ""]) {
        const app = express().use(session({ secret: "keyboard cat", ...lean, [option]: nothing }));
        app.get("/", views["/"] as never);
        await using served = await serve(app);
        const browser = new Browser(served.url);
        expect((await browser.get()).setCookies).toEqual([expect.stringMatching(/^connect\.sid=s%3A/)]);
        expect((await browser.get()).json()).toMatchObject({ views: 2 });
      }
    },
  );

  it("counts as left out: all of them, and the cookie of a request", async () => {
    const cookie = (() => undefined) as never;
    const handlers = [session(null as never), session({ secret: "keyboard cat", cookie })];
    for (const handler of handlers) {
      const app = express().use(cookieParser("parser"), handler);
      app.get("/", views["/"] as never);
      await using served = await serve(app);
      expect((await new Browser(served.url).get()).setCookies).toHaveLength(1);
    }
  });
});

describe("cookie-parser before the sessions", () => {
  it.each(["keyboard cat", undefined])("works (its secret: %s)", async (secret) => {
    await using app = await run(views, lean, (each) => each.use(cookieParser(secret)));
    const browser = app.browser();
    await browser.get();
    expect((await browser.get()).json()).toMatchObject({ views: 2 });
  });

  it.each(["cookies", "signedCookies"])("may put the cookie into req.%s", async (place) => {
    await using app = await run(views, lean, (each) =>
      each.use((req, _res, next) => {
        const sent = req.headers["x-cookie"] as string | undefined;
        if (sent !== undefined) {
          const signed = decodeURIComponent(sent);
          const value = place === "cookies" ? signed : signed.slice(2, signed.lastIndexOf("."));
          Object.assign(req, { [place]: { [SID]: value } });
        }
        next();
      }),
    );
    const browser = app.browser();
    await browser.get();
    const answer = await app.browser().get("/", { "x-cookie": browser.cookies.get(SID) as string });
    expect(answer.json()).toMatchObject({ views: 2 });
  });
});

describe("the middleware", () => {
  it("does nothing if req.session already exists", async () => {
    await using app = await run({ "/": (req, res) => res.json(req.session) }, {}, (each) =>
      each.use((req, _res, next) => {
        req.session = { mine: true } as never;
        next();
      }),
    );
    const { text, setCookies } = await app.browser().get();
    expect([text, setCookies]).toEqual(['{"mine":true}', []]);
  });

  it("may be mounted twice", async () => {
    const handler = session({ secret: "keyboard cat", ...lean });
    const app = express().use(handler).use(handler);
    app.get("/", views["/"] as never);
    await using served = await serve(app);
    const browser = new Browser(served.url);
    expect((await browser.get()).setCookies).toHaveLength(1);
    expect((await browser.get()).json()).toMatchObject({ views: 2 });
  });

  it("begins a session with a new ID for a cookie that the store does not know", async () => {
    await using app = await run(views);
    const browser = app.browser();
    const before = (await browser.get()).json() as { id: string };
    const old = browser.cookies.get(SID);
    for (const token of (await app.store.all()).keys()) await app.store.delete(token);
    const after = (await browser.get()).json() as { id: string };
    expect(after).toMatchObject({ views: 1 });
    expect(after.id).not.toBe(before.id);
    expect(browser.cookies.get(SID)).not.toBe(old);
  });

  it("separates the sessions of several visitors", async () => {
    await using app = await run(views);
    const [one, other] = [app.browser(), app.browser()];
    await one.get();
    expect((await other.get()).json()).toMatchObject({ views: 1 });
    expect((await one.get()).json()).toMatchObject({ views: 2 });
  });

  it("saves before the response ends, for every way to send it", async () => {
    const body = "hello, world".repeat(100);
    const change = (req: express.Request) => {
      req.session.views = (req.session.views ?? 0) + 1;
    };
    await using app = await run({
      ...views,
      "/length": (req, res) => {
        change(req);
        res.set("Content-Length", String(body.length)).end(body);
      },
      "/chunks": (req, res) => {
        change(req);
        res.write(body.slice(0, 10));
        res.end(body.slice(10));
      },
      "/buffer": (req, res) => {
        change(req);
        res.end(Buffer.from(body));
      },
      "/encoded": (req, res) => {
        change(req);
        res.end(Buffer.from(body).toString("hex"), "hex");
      },
      "/null": (req, res) => {
        change(req);
        res.end(null);
      },
      "/twice": (req, res) => {
        change(req);
        res.end(body);
        expect(res.end("again")).toBe(false);
      },
      "/head": (req, res) => {
        change(req);
        res.writeHead(200, { "Set-Cookie": ["own=1"] }).end(body);
      },
      "/flushed": (req, res) => {
        change(req);
        res.flushHeaders();
        res.write(body.slice(0, 10));
        setImmediate(() => {
          req.session.views = (req.session.views ?? 0) + 100;
          res.end(body.slice(10));
        });
      },
    });
    for (const path of ["/length", "/chunks", "/buffer", "/encoded", "/twice", "/head", "/flushed"]) {
      const browser = app.browser();
      const answer = await browser.get(path);
      expect([path, answer.text]).toEqual([path, body]);
      const expected = path === "/flushed" ? 101 : 1;
      expect([path, (await browser.get("/look")).json()]).toEqual([
        path,
        expect.objectContaining({ views: expected }),
      ]);
    }
    expect((await app.browser().get("/null")).text).toBe("");
    expect((await app.browser().get("/head")).setCookies).toEqual([
      "own=1",
      expect.stringMatching(/^connect\.sid=/),
    ]);
  });

  it("forbids to cache a response with its cookie, and only that", async () => {
    await using app = await run(views, lean, (each) =>
      each.use((_req, res, next) => {
        res.set("Cache-Control", "max-age=60");
        next();
      }),
    );
    const browser = app.browser();
    expect((await browser.get()).headers.get("cache-control")).toBe("no-store");
    expect((await browser.get("/look")).headers.get("cache-control")).toBe("max-age=60");
  });

  it("finds the requested path, mounted or not, in every form", async () => {
    await using app = await run(views, { cookie: { path: "/admin" }, ...lean });
    const inner = express().use(session({ secret: "x", ...lean, cookie: { path: "/admin" } }));
    inner.get("/look", (req, res) => res.json({ has: req.session !== undefined }));
    await using mounted = await serve(express().use("/admin", inner).use("/user", inner));
    expect((await new Browser(mounted.url).get("/admin/look?a=/user")).json()).toEqual({ has: true });
    expect((await new Browser(mounted.url).get("/user/look?a=/admin")).json()).toEqual({ has: false });
    expect((await app.browser().get("/look")).json()).toEqual({ views: 0 });
  });
});
