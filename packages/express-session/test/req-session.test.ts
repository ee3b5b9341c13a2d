import { promisify } from "node:util";
import type { Request, Response } from "express";
import { describe, expect, it } from "vitest";
import type { SessionOptions } from "../src/index.js";
import { type Live, type Route, run, views } from "./fixtures/app.js";

const lean = { saveUninitialized: false };

/** Answers with the result of a promise, or with the message of its error. */
const answering =
  (work: (req: Request) => Promise<unknown>): Route =>
  async (req: Request, res: Response) => {
    res.json(await work(req).catch((error: Error) => error.message));
  };

describe("values", () => {
  it("are stored as JSON", async () => {
    await using app = await run({
      "/": (req, res) => {
        class Point {
          x = 1;
        }
        Object.assign(req.session, {
          text: "täxt ☃",
          nested: { list: [1, { deep: null }], flag: true },
          date: new Date(0),
          point: new Point(),
          nothing: undefined,
          method() {},
          nan: Number.NaN,
        });
        res.end();
      },
      "/show": (req, res) => res.json(req.session),
    });
    const browser = app.browser();
    await browser.get();
    expect((await browser.get("/show")).json()).toEqual({
      ...{ text: "täxt ☃", nested: { list: [1, { deep: null }], flag: true } },
      ...{ date: "1970-01-01T00:00:00.000Z", point: { x: 1 }, nan: null },
    });
  });

  it("may have a toJSON, which gets the name of the value", async () => {
    await using app = await run({
      "/": (req, res) => {
        const value = { toJSON: (key: string) => ({ key, toJSON: () => "called again" }) };
        Object.assign(req.session, { device: value, nested: { value } });
        res.end();
      },
      "/show": (req, res) => res.json(req.session),
    });
    const browser = app.browser();
    await browser.get();
    expect((await browser.get("/show")).json()).toEqual({
      device: { key: "device" },
      nested: { value: { key: "value" } },
    });
  });

  it("may be changed in place, deleted, and set again", async () => {
    await using app = await run({
      "/": (req, res) => {
        req.session.list = ["a"];
        req.session.gone = 1;
        res.end();
      },
      "/change": (req, res) => {
        req.session.list?.push("b");
        delete req.session.gone;
        const more: { inner?: number } = {};
        req.session.more = more;
        more.inner = 1;
        res.end();
      },
      "/show": (req, res) => res.json(req.session),
    });
    const browser = app.browser();
    await browser.get();
    await browser.get("/change");
    expect((await browser.get("/show")).json()).toEqual({ list: ["a", "b"], more: { inner: 1 } });
  });

  it("are copies for each request, so that JSON cannot hide a change in place from the store", async () => {
    await using app = await run({
      "/": (req, res) => {
        req.session.ours = { isTyped: true };
        res.end();
      },
      "/change": (req, res) => {
        Object.assign(req.session.ours as object, { method() {}, nothing: undefined });
        req.session.views = 1;
        res.end();
      },
      "/show": (req, res) => res.json([req.session, Object.keys(req.session.ours as object)]),
    });
    const browser = app.browser();
    await browser.get();
    expect((await browser.get("/change")).status).toBe(200);
    expect((await browser.get("/show")).json()).toEqual([{ ours: { isTyped: true }, views: 1 }, ["isTyped"]]);
  });

  it("set through the manager that JSON cannot represent stay in the session", async () => {
    await using app = await run({
      "/": (req, res) => {
        const own = app.handler.sessions.get(req);
        own.set("device", undefined);
        own.set("more", new Map([["inner", 1]]) as never);
        res.end();
      },
      "/change": (req, res) => {
        req.session.views = 1;
        const own = app.handler.sessions.get(req);
        res.json([Object.keys(req.session), own.has("device"), own.get("more") instanceof Map]);
      },
    });
    const browser = app.browser();
    await browser.get();
    for (let times = 0; times < 2; times++)
      expect((await browser.get("/change")).json()).toEqual([["more", "views"], true, true]);
  });

  it("that JSON cannot represent fail the save with a 500 that names only the key", async () => {
    await using app = await run({
      "/": (req, res) => {
        req.session.loop = { secret: "tell-tale" };
        req.session.loop.self = req.session.loop;
        res.end();
      },
    });
    expect((await app.browser().get()).status).toBe(500);
    expect(app.errors[0]).toMatchObject({
      code: "INVALID_VALUE",
      message: expect.stringContaining('"loop"'),
    });
    expect(app.errors[0]?.message).not.toContain("tell-tale");
  });

  it("are not written if nothing has changed, also if they were set to the same value", async () => {
    await using app = await run({
      ...views,
      "/same": (req, res) => {
        req.session.views = req.session.views as number;
        res.end();
      },
    });
    const browser = app.browser();
    await browser.get();
    app.store.replace = () => Promise.reject(new Error("written"));
    for (const path of ["/look", "/same"]) expect((await browser.get(path)).status).toBe(200);
  });

  it("in the store that are named like a method or an inherited property are ignored", async () => {
    await using app = await run({
      ...views,
      "/show": (req, res) => res.json([req.session, typeof req.session.save]),
    });
    const browser = app.browser();
    await browser.get();
    const { sessions } = app.handler;
    await sessions.iterate((each) => {
      for (const key of ["save", "id", "req", "constructor", "toString"]) each.set(key as "user", "evil");
    });
    expect((await browser.get("/show")).json()).toEqual([{ views: 1 }, "function"]);
    expect((await browser.get()).json()).toMatchObject({ views: 2 });
  });

  it("set through the manager are there as well", async () => {
    await using app = await run({
      "/": (req, res) => {
        app.handler.sessions.get(req).set("beside" as "views", 1);
        req.session.views = 1;
        res.end();
      },
      "/show": (req, res) => res.json(req.session),
    });
    const browser = app.browser();
    await browser.get();
    expect((await browser.get("/show")).json()).toEqual({ beside: 1, views: 1 });
  });
});

it("the types include declarations for express-session and for this package", async () => {
  await using app = await run({
    "/": (req, res) => {
      req.session.ours = { isTyped: true };
      req.session.user = "ada";
      // @ts-expect-error: undeclared
      res.json([req.session.ours.isTyped, req.session.user, req.session.undeclared ?? null]);
    },
  });
  expect((await app.browser().get()).json()).toEqual([true, "ada", null]);
});

describe("methods", () => {
  it("and other members beside the values are neither enumerable nor copied", async () => {
    await using app = await run({
      "/": (req, res) => {
        req.session.user = "u1";
        const seen: string[] = [];
        for (const key in req.session) seen.push(key);
        const copy = { ...req.session };
        res.json([
          seen,
          copy,
          req.session.id === req.sessionID,
          (req.session as { req?: unknown }).req === req,
        ]);
      },
    });
    expect((await app.browser().get()).json()).toEqual([["user"], { user: "u1" }, true, true]);
  });

  it("id cannot be set", async () => {
    await using app = await run({
      "/": (req, res) => {
        req.session.id = "mine";
        res.end();
      },
    });
    expect((await app.browser().get()).status).toBe(500);
  });

  it.each(["save", "regenerate", "destroy", "reload"] as const)(
    "%s returns the session with a callback, a promise without, and calls back later",
    async (method) => {
      await using app = await run({
        ...views,
        "/call": (req, res) => {
          const session = req.session as Live &
            Record<string, (callback: (error?: unknown) => void) => unknown>;
          let isBack = false;
          const returned = session[method]((error) => {
            isBack = true;
            res.json([returned === session, wasBack, error ?? null]);
          });
          const wasBack = isBack;
        },
        "/await": answering(async (req) => {
          const returned = req.session[method]();
          return [returned instanceof Promise, (await returned) ?? null];
        }),
        "/promisify": answering((req) => promisify(req.session[method] as never).call(req.session) as never),
        "/forget": (req, res) => {
          req.session[method]();
          res.json("forgotten");
        },
      });
      for (const path of ["/call", "/await", "/promisify", "/forget"]) {
        const browser = app.browser();
        await browser.get();
        const expected = { "/call": [true, false, null], "/await": [true, null], "/forget": "forgotten" }[
          path
        ];
        const answer = await browser.get(path);
        expect([path, answer.status]).toEqual([path, 200]);
        if (expected !== undefined) expect([path, answer.json()]).toEqual([path, expected]);
      }
      expect(app.errors).toEqual([]);
    },
  );

  it.each(["save", "regenerate", "destroy", "reload"] as const)(
    "%s passes the store's error on",
    async (method) => {
      await using app = await run({
        ...views,
        "/call": async (req, res) => {
          req.session.views = 5;
          const { find, replace } = app.store;
          app.store.find = () => Promise.reject(new Error("boom!"));
          app.store.replace = () => Promise.reject(new Error("boom!"));
          const messages: string[] = [];
          await new Promise<void>((resolve) =>
            req.session[method]((error: Error) => {
              messages.push(error.message);
              resolve();
            }),
          );
          app.store.find = find;
          app.store.replace = replace;
          res.json(messages);
        },
      });
      const browser = app.browser();
      await browser.get();
      expect((await browser.get("/call")).json()).toEqual(["boom!"]);
    },
  );
});

describe("save", () => {
  it("saves at once; the response sets the cookie without a second save", async () => {
    const writes: number[] = [];
    await using app = await run(
      {
        ...views,
        "/save": async (req, res) => {
          const { replace } = app.store;
          app.store.replace = (...args) => {
            writes.push(1);
            return replace.apply(app.store, args);
          };
          req.session.views = 7;
          await req.session.save();
          res.json([await app.stored(), writes.length]);
        },
      },
      lean,
    );
    const browser = app.browser();
    const answer = await browser.get("/save");
    expect(answer.json()).toEqual([1, 1]);
    expect(answer.setCookies).toHaveLength(1);
    expect(writes).toHaveLength(1);
    expect((await browser.get("/look")).json()).toMatchObject({ views: 7 });
  });

  it("leaves later changes to the response", async () => {
    await using app = await run({
      ...views,
      "/save": async (req, res) => {
        req.session.views = 7;
        await req.session.save();
        req.session.views = 8;
        res.end();
      },
    });
    const browser = app.browser();
    await browser.get("/save");
    expect((await browser.get("/look")).json()).toMatchObject({ views: 8 });
  });

  it.each<[string, SessionOptions, (req: Request) => unknown]>([
    ["the restarted maxAge", { cookie: { maxAge: 60_000 } }, () => undefined],
    ["a maxAge of its own", {}, (req) => Object.assign(req.session.cookie, { maxAge: 60_000 })],
  ])("leaves %s of the cookie to the response", async (_, options, change) => {
    const save = async (req: Request, res: Response) => {
      req.session.views = 2;
      change(req);
      await req.session.save();
      res.redirect("/look");
    };
    await using app = await run({ ...views, "/save": save }, options);
    const browser = app.browser();
    await browser.get();
    app.clock.advance(30_000);
    const expires = new Date(app.clock.now() + 60_000).toUTCString();
    expect((await browser.get("/save")).setCookies).toEqual([expect.stringContaining(`Expires=${expires}`)]);
  });

  it("works after the response as well", async () => {
    let later: Promise<void> | undefined;
    await using app = await run({
      ...views,
      "/later": (req, res) => {
        const { session } = req;
        later = new Promise((resolve) => res.once("close", resolve)).then(() => {
          session.views = 9;
          return session.save();
        });
        res.end();
      },
    });
    const browser = app.browser();
    await browser.get();
    await browser.get("/later");
    await later;
    expect((await browser.get("/look")).json()).toMatchObject({ views: 9 });
  });
});

describe("regenerate", () => {
  it("ends the session before the callback, and replaces it by a new, empty one", async () => {
    await using app = await run(
      {
        ...views,
        "/login": async (req, res) => {
          const { session: before, sessionID } = req;
          await req.session.regenerate();
          const stored = await app.stored();
          const after = req.session;
          before.views = 99;
          await before.save();
          after.user = "u1";
          res.json([
            before !== after,
            Object.keys(before),
            before.id === sessionID,
            after.id !== sessionID,
            stored,
          ]);
        },
        "/show": (req, res) => res.json([req.session, req.sessionID]),
      },
      lean,
    );
    const browser = app.browser();
    await browser.get();
    const stale = browser.clone();
    const answer = await browser.get("/login");
    expect(answer.json()).toEqual([true, ["views"], true, true, 0]);
    expect(answer.setCookies).toHaveLength(1);
    expect((await browser.get("/show")).json()).toEqual([{ user: "u1" }, expect.any(String)]);
    expect((await stale.get("/show")).json()).toEqual([{}, expect.any(String)]);
  });

  it("clears the cookie if nothing is stored afterwards, unless empty sessions are saved", async () => {
    for (const options of [lean, {}]) {
      const routes = { ...views, "/out": answering((req) => req.session.regenerate()) };
      await using app = await run(routes, options);
      const browser = app.browser();
      await browser.get();
      const [cookie] = (await browser.get("/out")).setCookies;
      expect(cookie?.startsWith("connect.sid=;")).toBe(options === lean);
      expect(await app.stored()).toBe(options === lean ? 0 : 1);
    }
  });
});

describe("destroy", () => {
  it("ends the session, clears its cookie, and leaves the request without a session", async () => {
    await using app = await run({
      ...views,
      "/out": async (req, res) => {
        const { session } = req;
        const done = session.destroy();
        const isGone = req.session === undefined;
        await done;
        session.views = 50;
        await session.save();
        res.json([isGone, await app.stored()]);
      },
    });
    const browser = app.browser();
    await browser.get();
    const stale = browser.clone();
    const answer = await browser.get("/out");
    expect(answer.json()).toEqual([true, 0]);
    expect(answer.setCookies).toEqual([
      expect.stringMatching(/^connect\.sid=; Path=\/; Expires=Thu, 01 Jan 1970/),
    ]);
    expect((await stale.get()).json()).toMatchObject({ views: 1 });
  });

  it("of a session that was never saved sets no cookie", async () => {
    await using app = await run({ "/": answering((req) => req.session.destroy()) });
    expect((await app.browser().get()).setCookies).toEqual([]);
  });

  it("is repeated by the response if it failed before", async () => {
    await using app = await run({
      ...views,
      "/out": async (req, res) => {
        const { replace } = app.store;
        app.store.replace = () => Promise.reject(new Error("boom!"));
        await req.session.destroy().catch(() => undefined);
        app.store.replace = replace;
        res.end();
      },
    });
    const browser = app.browser();
    await browser.get();
    expect((await browser.get("/out")).status).toBe(200);
    expect(await app.stored()).toBe(0);
  });
});

describe("reload", () => {
  it("discards unsaved changes, and loads what others have saved", async () => {
    await using app = await run({
      ...views,
      "/reload": async (req, res) => {
        const before = req.session;
        before.views = 99;
        before.mine = true;
        await browser.clone().get();
        await before.reload();
        res.json([
          req.session,
          before !== req.session,
          before.id === req.session.id,
          req.session.cookie.path,
        ]);
      },
    });
    const browser = app.browser();
    await browser.get();
    expect((await browser.get("/reload")).json()).toEqual([{ views: 2 }, true, true, "/"]);
    expect((await browser.get("/look")).json()).toMatchObject({ views: 2 });
  });

  it.each<[string, (req: Request, log: { out(): Promise<unknown> }) => Promise<unknown>]>([
    ["was destroyed", (req) => req.session.destroy()],
    ["others have ended", (_req, { out }) => out()],
  ])("is an error if the session %s", async (_, end) => {
    await using app = await run({
      ...views,
      "/out": answering((req) => req.session.destroy()),
      "/reload": answering(async (req) => {
        const { session } = req;
        await end(req, { out: () => browser.clone().get("/out") });
        await session.reload();
      }),
    });
    const browser = app.browser();
    await browser.get();
    expect((await browser.get("/reload")).json()).toBe("failed to load session");
  });

  it("is an error if the session was never saved", async () => {
    await using app = await run({ "/": answering((req) => req.session.reload()) });
    expect((await app.browser().get()).json()).toBe("failed to load session");
  });
});

describe("a session that others have ended", () => {
  it.each([["at the response", false] as const, ["in mid-request", true] as const])(
    "is not brought back by a save %s, nor under another token",
    async (_, isEarly) => {
      await using app = await run({
        ...views,
        "/out": answering((req) => req.session.destroy()),
        "/late": async (req, res) => {
          req.session.late = true;
          await browser.clone().get("/out");
          if (isEarly) await req.session.save();
          req.session.mine = true;
          res.end();
        },
      });
      const browser = app.browser();
      await browser.get();
      expect((await browser.get("/late")).setCookies).toEqual([]);
      expect(await app.stored()).toBe(0);
    },
  );
});

describe("the manager beside req.session", () => {
  it("lists, revokes, and revokes all of a user's sessions", async () => {
    await using app = await run(
      {
        "/login": async (req, res) => {
          await req.session.regenerate();
          req.session.user = "u1";
          req.session.device = req.query.device;
          res.end();
        },
        "/who": (req, res) => res.json(req.session.user ?? null),
        "/elsewhere": async (req, res) => {
          const { sessions } = app.handler;
          res.json(await sessions.revokeAll("u1", { except: sessions.get(req) }));
        },
      },
      { ...lean, owner: (data) => data.user, describe: (data) => data.device },
    );
    const [phone, laptop, tablet] = [app.browser(), app.browser(), app.browser()];
    for (const [device, browser] of Object.entries({ phone, laptop, tablet }))
      await browser.get(`/login?device=${device}`);
    const { sessions } = app.handler;
    const listed = await sessions.list("u1");
    expect(listed.map(({ description }) => description).sort()).toEqual(["laptop", "phone", "tablet"]);
    const handle = listed.find(({ description }) => description === "phone")?.handle as string;
    expect(await sessions.revoke(handle)).toBe(true);
    expect((await phone.get("/who")).json()).toBeNull();
    expect((await laptop.get("/elsewhere")).json()).toBe(1);
    expect((await laptop.get("/who")).json()).toBe("u1");
    expect((await tablet.get("/who")).json()).toBeNull();
    expect(await sessions.revokeAll("u1")).toBe(1);
    expect((await laptop.get("/who")).json()).toBeNull();
  });

  it("the store contains no token", async () => {
    await using app = await run(views);
    const browser = app.browser();
    await browser.get();
    const cookie = decodeURIComponent(browser.cookies.get("connect.sid") as string);
    const [, id, secret] = /^s:([^.]+)\.([^.]+)\./.exec(cookie) as RegExpExecArray;
    const stored = JSON.stringify(
      [...(await app.store.all())].map(([key, data]) => [key, Buffer.from(data).toString()]),
    );
    expect(stored).toContain(id);
    expect(stored).not.toContain(secret);
  });
});
