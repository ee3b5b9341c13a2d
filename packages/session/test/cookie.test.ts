import { describe, expect, it } from "vitest";
import { type Handler, run, type Stack, stacks } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

const TOKEN = "[\\w-]{22}\\.[\\w-]{43}";

const logIn: Handler = (session, res) => {
  session.set("userId", "u1");
  res.end("welcome");
};

describe("the cookie", () => {
  it.each(stacks)("is as safe as browsers can make it by default (%s)", async (stack) => {
    await using app = await run(logIn, { stack });
    const { setCookies } = await new Visitor(app.url).get();
    expect(setCookies).toEqual([
      expect.stringMatching(
        new RegExp(`^__Host-session=${TOKEN}; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=Lax$`),
      ),
    ]);
  });

  it.each([
    [
      "development on plain http",
      { secure: false },
      `session=T; Max-Age=86400; Path=/; HttpOnly; SameSite=Lax`,
    ],
    [
      "a domain",
      { domain: "example.com" },
      `__Secure-session=T; Max-Age=86400; Domain=example.com; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ],
    [
      "a path",
      { path: "/shop" },
      `__Secure-session=T; Max-Age=86400; Path=/shop; HttpOnly; Secure; SameSite=Lax`,
    ],
    [
      "a path in development",
      { path: "/shop", secure: false },
      `session=T; Max-Age=86400; Path=/shop; HttpOnly; SameSite=Lax`,
    ],
    [
      "a cookie that ends with the browser",
      { persist: false },
      `__Host-session=T; Path=/; HttpOnly; Secure; SameSite=Lax`,
    ],
    ["a name", { name: "sid" }, `sid=T; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=Lax`],
    [
      "strict rules",
      { sameSite: "strict" },
      `__Host-session=T; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=Strict`,
    ],
    [
      "use in frames of other sites",
      { sameSite: "none" },
      `__Host-session=T; Max-Age=86400; Path=/; HttpOnly; Secure; SameSite=None`,
    ],
    [
      "a partition per embedding site",
      { sameSite: "none", partitioned: true },
      `__Host-session=T; Max-Age=86400; Path=/; HttpOnly; Secure; Partitioned; SameSite=None`,
    ],
    ["scripts", { httpOnly: false }, `__Host-session=T; Max-Age=86400; Path=/; Secure; SameSite=Lax`],
  ] as const)("can be made for %s", async (_, cookie, expected) => {
    await using app = await run(logIn, { cookie });
    const { setCookies } = await new Visitor(app.url).get();
    expect(setCookies.map((header) => header.replace(new RegExp(TOKEN), "T"))).toEqual([expected]);
    expect(app.sessions.cookieName).toBe(expected.split("=")[0]);
  });

  it("lasts as long as the absolute lifetime, rounded up to a second", async () => {
    await using app = await run(logIn, { lifetimeMs: 5001 });
    const { setCookies } = await new Visitor(app.url).get();
    expect(setCookies[0]).toContain("; Max-Age=6;");
  });

  it("lasts for the rest of the lifetime after a renewal", async () => {
    await using app = await run((session, res, req) => {
      if (req.url === "/renew") session.renew();
      else session.set("userId", "u1");
      res.end();
    });
    const visitor = new Visitor(app.url);
    await visitor.get();
    app.clock.advance(80_000_000);
    const { setCookies } = await visitor.get("/renew");
    expect(setCookies[0]).toContain("; Max-Age=6400;");
  });

  it.each([
    [
      {},
      "__Host-session=; Max-Age=0; Path=/; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax",
    ],
    [
      { domain: "example.com", path: "/shop" },
      "__Secure-session=; Max-Age=0; Domain=example.com; Path=/shop; Expires=Thu, 01 Jan 1970 00:00:00 GMT; HttpOnly; Secure; SameSite=Lax",
    ],
  ])("is cleared with the same attributes when the session is destroyed: %o", async (cookie, expected) => {
    await using app = await run(
      (session, res, req) => {
        if (req.url === "/logout") session.destroy();
        else session.set("userId", "u1");
        res.end();
      },
      { cookie },
    );
    const visitor = new Visitor(app.url);
    await visitor.get();
    const { setCookies } = await visitor.get("/logout");
    expect(setCookies).toEqual([expected]);
    expect(visitor.cookies.size).toBe(0);
  });

  it("is set once, and not again by requests that change values", async () => {
    await using app = await run((session, res) => {
      session.set("visits", Number(session.get("visits") ?? 0) + 1);
      res.end(String(session.get("visits")));
    });
    const visitor = new Visitor(app.url);
    await visitor.get();
    const { setCookies, body } = await visitor.get();
    expect(body).toBe("2");
    expect(setCookies).toEqual([]);
  });

  it("is not cleared by a request whose session another request has ended or renewed", async () => {
    await using app = await run(logIn);
    const visitor = new Visitor(app.url);
    await visitor.get();
    const held = app.store.pause("replace");
    const late = visitor.get();
    await held.reached;
    await app.sessions.destroy(await app.sessions.load(visitor.token));
    held.release();
    expect((await late).setCookies).toEqual([]);
  });
});

describe("Cache-Control", () => {
  const app = (stack: Stack) =>
    run(
      (session, res, req) => {
        res.setHeader("Cache-Control", "public, max-age=60");
        res.setHeader("CDN-Cache-Control", "max-age=60");
        res.setHeader("Surrogate-Control", "max-age=60");
        if (req.url === "/login") session.set("userId", "u1");
        if (req.url === "/change") session.set("page", 2);
        if (req.url === "/renew") session.renew();
        if (req.url === "/logout") session.destroy();
        res.end();
      },
      { stack },
    );

  it.each(stacks)("is no-store if a cookie is set, and otherwise the app's (%s)", async (stack) => {
    await using running = await app(stack);
    const visitor = new Visitor(running.url);
    const seen: Record<string, string | null> = {};
    for (const path of ["/public", "/login", "/read", "/change", "/renew", "/logout"]) {
      const { headers } = await visitor.get(path);
      seen[path] = headers.get("cache-control");
      const targeted = [headers.get("cdn-cache-control"), headers.get("surrogate-control")];
      expect(targeted).toEqual(seen[path] === "no-store" ? [null, null] : ["max-age=60", "max-age=60"]);
    }
    expect(seen).toEqual({
      "/public": "public, max-age=60",
      "/login": "no-store",
      "/read": "public, max-age=60",
      "/change": "public, max-age=60",
      "/renew": "no-store",
      "/logout": "no-store",
    });
  });
});

describe("cookies of the app", () => {
  const ours = expect.stringMatching(/^__Host-session=/);
  const pairs = [
    ["Set-Cookie", "a=1"],
    ["Set-Cookie", "b=2"],
  ] as unknown as string[]; // Node.js accepts these as well, although its types do not

  it.each<[string, string[], Handler]>([
    ["setHeader with one", ["a=1"], (_, res) => void res.setHeader("Set-Cookie", "a=1")],
    ["setHeader with more", ["a=1", "b=2"], (_, res) => void res.setHeader("set-cookie", ["a=1", "b=2"])],
    [
      "appendHeader",
      ["a=1", "b=2"],
      (_, res) => void res.appendHeader("Set-Cookie", "a=1").appendHeader("Set-Cookie", "b=2"),
    ],
    ["an object in writeHead", ["a=1"], (_, res) => void res.writeHead(200, { "Set-Cookie": "a=1" })],
    [
      "an object with an array",
      ["a=1", "b=2"],
      (_, res) => void res.writeHead(200, { "Set-Cookie": ["a=1", "b=2"] }),
    ],
    [
      "an array of names and values",
      ["a=1", "b=2"],
      (_, res) => void res.writeHead(200, ["Set-Cookie", "a=1", "set-cookie", "b=2"]),
    ],
    [
      "an array with an array",
      ["a=1", "b=2"],
      (_, res) => void res.writeHead(200, ["Set-Cookie", ["a=1", "b=2"], "X-Other", "x"]),
    ],
    ["an array of pairs", ["a=1", "b=2"], (_, res) => void res.writeHead(200, pairs)],
    [
      "a status message before them",
      ["a=1"],
      (_, res) => void res.writeHead(200, "Fine", { "Set-Cookie": "a=1" }),
    ],
    ["no status message", ["a=1"], (_, res) => void res.writeHead(200, undefined, { "Set-Cookie": "a=1" })],
  ])("are kept beside the session's: %s", async (_, expected, setCookies) => {
    await using app = await run(async (session, res, req) => {
      session.set("userId", "u1");
      await setCookies(session, res, req);
      res.end();
    });
    expect((await new Visitor(app.url).get()).setCookies).toEqual([...expected, ours]);
  });

  it.each(["/old", "/"])("of the same name for another path or domain are kept: %s", async (path) => {
    const removed = `__Host-session=; Path=${path}; Domain=example.com`;
    await using app = await run((session, res) => {
      session.set("userId", "u1");
      res.setHeader("Set-Cookie", [removed, "__Host-session=own; path=/; HttpOnly"]);
      res.end();
    });
    expect((await new Visitor(app.url).get()).setCookies).toEqual([removed, ours]);
  });

  it("in writeHead replace those of setHeader, as without a session", async () => {
    const headers = ["Set-Cookie", ["a=1"], "Set-Cookie", "b=2"];
    await using app = await run((session, res, req) => {
      if (req.url === "/set") session.set("userId", "u1");
      res.setHeader("Set-Cookie", "old=1");
      res.writeHead(201, "Made", headers);
      res.end();
    });
    const { setCookies: expected } = await new Visitor(app.url).get("/plain"); // depends on the version of Node.js
    for (let time = 0; time < 2; time++) {
      const { status, setCookies } = await new Visitor(app.url).get("/set");
      expect(status).toBe(201);
      expect(setCookies).toEqual([...expected, ours]);
    }
    expect(headers).toEqual(["Set-Cookie", ["a=1"], "Set-Cookie", "b=2"]);
  });

  it("that the app set by its own commit are not sent twice", async () => {
    await using app = await run(async (session, res, req) => {
      session.set("userId", "u1");
      const cookie = await app.sessions.commit(app.sessions.get(req));
      if (req.url === "/told") res.setHeader("Set-Cookie", ["a=1", String(cookie)]);
      res.end(app.sessions.get(req).token);
    });
    for (const path of ["/told", "/untold"]) {
      const { setCookies, body } = await new Visitor(app.url).get(path);
      const session = setCookies.filter((cookie) => cookie.startsWith("__Host-session="));
      expect(session).toEqual([expect.stringContaining(`=${body};`)]);
      expect(setCookies.includes("a=1")).toBe(path === "/told");
    }
  });
});
