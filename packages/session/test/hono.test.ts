import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { compress } from "hono/compress";
import { etag } from "hono/etag";
import { HTTPException } from "hono/http-exception";
import { methodOverride } from "hono/method-override";
import { secureHeaders } from "hono/secure-headers";
import { streamText } from "hono/streaming";
import { expect, expectTypeOf, it } from "vitest";
import { honoSessions, type SessionVariables } from "../src/adapters/hono.js";
import type { Session } from "../src/index.js";
import { serveFetch } from "./fixtures/fetch-server.js";
import type { Values } from "./fixtures/running-app.js";
import { RunningManager } from "./fixtures/running-manager.js";
import { Signal } from "./fixtures/signal.js";
import { Visitor } from "./fixtures/visitor.js";

const chunked = (cookie: string): RequestInit =>
  ({
    ...{ method: "POST", headers: { cookie }, duplex: "half" },
    body: ReadableStream.from([Buffer.from("bo"), Buffer.from("dy")]),
  }) as RequestInit;

it("c.var.session and c.get() are typed by Variables", async () => {
  await using running = new RunningManager();
  const app = new Hono<{ Variables: SessionVariables<{ userId: string }> }>();
  app.use(honoSessions(running.sessions));
  app.get("/", (c) => {
    expectTypeOf(c.var.session).toEqualTypeOf<Session<{ userId: string }>>();
    expectTypeOf(c.get("session").get("userId")).toEqualTypeOf<string | undefined>();
    return c.text(c.var.session === c.get("session") ? "same" : "other");
  });
  expect(await (await app.request("/")).text()).toBe("same");
});

it("app.request() keeps a visitor logged in, without a server", async () => {
  await using running = new RunningManager();
  const app = new Hono<{ Variables: SessionVariables<Values> }>();
  app.use(honoSessions(running.sessions));
  app.post("/login", (c) => {
    c.var.session.renew();
    c.var.session.set("userId", "u1");
    return c.redirect("/");
  });
  app.get("/", (c) => c.text(String(c.var.session.get("userId"))));
  const login = await app.request("/login", { method: "POST" });
  expect([login.status, login.headers.get("location"), login.headers.get("cache-control")]).toEqual([
    ...[302, "/", "no-store"],
  ]);
  const [cookie = ""] = login.headers.getSetCookie();
  const answer = await app.request("/", { headers: { cookie: cookie.split(";")[0] as string } });
  expect([await answer.text(), answer.headers.getSetCookie()]).toEqual(["u1", []]);
});

it.each(["before", "after"])(
  "bodyLimit %s the sessions replaces a chunked request, and the session stays",
  async (place) => {
    await using running = new RunningManager();
    const app = new Hono<{ Variables: SessionVariables<Values> }>();
    if (place === "before") app.use(bodyLimit({ maxSize: 1000 }));
    app.use(honoSessions(running.sessions));
    if (place === "after") app.use(bodyLimit({ maxSize: 1000 }));
    app.post("/", async (c) => {
      expect(running.sessions.get(c.req.raw)).toBe(c.var.session);
      c.var.session.set("body", await c.req.text());
      return c.text(String(c.var.session.get("userId")));
    });
    await using server = await serveFetch(app.fetch);
    const response = await fetch(server.url, chunked(await running.begin()));
    expect([response.status, await response.text()]).toEqual([200, "u1"]);
    expect(await running.store.contents()).toEqual([{ userId: "u1", body: "body" }]);
    expect(running.store.calls).toEqual(["find", "replace"]);
  },
);

it.each(["before", "after"])(
  "methodOverride %s the sessions runs the app again, and the session stays",
  async (place) => {
    await using running = new RunningManager();
    const app = new Hono<{ Variables: SessionVariables<Values> }>();
    if (place === "before") app.use(methodOverride({ app }));
    app.use(honoSessions(running.sessions));
    if (place === "after") app.use(methodOverride({ app }));
    app.delete("/", (c) => {
      c.var.session.destroy();
      return c.text("gone");
    });
    await using server = await serveFetch(app.fetch);
    const cookie = await running.begin();
    const body = new URLSearchParams({ _method: "DELETE" });
    const response = await fetch(server.url, { method: "POST", body, headers: { cookie } });
    expect([await response.text(), response.headers.getSetCookie()]).toEqual([
      "gone",
      [expect.stringContaining("Max-Age=0")],
    ]);
    expect(running.store.calls).toEqual(["find", "find", "replace"].slice(-running.store.calls.length));
    expect(await running.store.contents()).toEqual([]);
  },
);

it("a request that a job makes after the response has its own session", async () => {
  await using running = new RunningManager();
  const app = new Hono<{ Variables: SessionVariables<Values> }>();
  const answered = new Signal();
  let job: Promise<Response> | undefined;
  app.use(honoSessions(running.sessions));
  app.post("/login", (c) => {
    c.var.session.set("userId", "u1");
    job = answered.given.then(() => app.request("/who"));
    return c.text("");
  });
  app.get("/who", (c) => c.text(String(c.var.session.get("userId") ?? "nobody")));
  await app.request("/login", { method: "POST" });
  answered.give();
  expect(await (await job)?.text()).toBe("nobody");
});

it("other middleware keeps its headers, and the cookie is set once", async () => {
  await using running = new RunningManager();
  const app = new Hono<{ Variables: SessionVariables<Values> }>();
  app.use(secureHeaders(), etag(), compress({ threshold: 0 }));
  app.use(honoSessions(running.sessions));
  app.use(async (c, next) => {
    await next();
    c.header("x-below", "1");
    c.header("set-cookie", "theme=dark", { append: true });
  });
  app.get("/", (c) => {
    c.var.session.set("userId", "u1");
    return c.html("<p>hello</p>".repeat(100));
  });
  await using server = await serveFetch(app.fetch);
  const response = await fetch(server.url);
  expect(await response.text()).toContain("hello");
  expect(Object.fromEntries(response.headers)).toMatchObject({
    ...{ "x-below": "1", "x-frame-options": "SAMEORIGIN", "content-encoding": "gzip" },
    ...{ etag: expect.any(String), "cache-control": "no-store" },
    "content-type": "text/html; charset=UTF-8",
  });
  expect(response.headers.getSetCookie()).toEqual(["theme=dark", expect.stringMatching(/^__Host-session=/)]);
});

it("onError and notFound respond with the session saved", async () => {
  await using running = new RunningManager();
  const app = new Hono<{ Variables: SessionVariables<Values> }>();
  app.use(honoSessions(running.sessions));
  app.use(async (c, next) => {
    c.var.session.set("path", c.req.path);
    await next();
  });
  app.get("/broken", () => {
    throw new HTTPException(418, { message: "a teapot" });
  });
  for (const [path, status, body] of [
    ["/broken", 418, "a teapot"],
    ["/nowhere", 404, "404 Not Found"],
  ] as const) {
    const answer = await app.request(path);
    expect([answer.status, await answer.text(), answer.headers.getSetCookie().length]).toEqual([
      status,
      body,
      1,
    ]);
  }
  const paths = (await running.store.contents()).map(({ path }) => path);
  expect(paths.sort()).toEqual(["/broken", "/nowhere"]);
  expect(running.errors).toEqual([]);
});

it("a handler that returns no response gets Hono's own error", async () => {
  await using running = new RunningManager();
  const app = new Hono<{ Variables: SessionVariables<Values> }>();
  app.use(honoSessions(running.sessions));
  app.get("/", (() => undefined) as never);
  app.onError((error, c) => c.text(error.message, 500));
  const answer = await app.request("/");
  expect([answer.status, await answer.text()]).toEqual([
    500,
    expect.stringContaining("Context is not finalized"),
  ]);
});

it("a stream begins after the save, and can read the session", async () => {
  await using running = new RunningManager();
  const app = new Hono<{ Variables: SessionVariables<Values> }>();
  app.use(honoSessions(running.sessions));
  app.get("/", (c) => {
    c.var.session.set("userId", "u1");
    return streamText(c, async (stream) => {
      await stream.write("one ");
      await stream.write(String(c.var.session.get("userId")));
    });
  });
  await using server = await serveFetch(app.fetch);
  const visitor = new Visitor(server.url);
  expect((await visitor.get()).body).toBe("one u1");
  expect(await running.store.contents()).toEqual([{ userId: "u1" }]);
});

it("with a nested app, a second use and a second manager, each manager loads one session per request", async () => {
  await using running = new RunningManager();
  await using admin = new RunningManager({ cookie: { name: "__Host-admin" } });
  const inner = new Hono<{ Variables: SessionVariables<Values> }>();
  inner.use(honoSessions(running.sessions));
  inner.get("/count", (c) => {
    const count = Number(c.var.session.get("count") ?? 0) + 1;
    c.var.session.set("count", count);
    admin.sessions.get(c.req.raw).set("seen", count);
    return c.text(String(count));
  });
  const app = new Hono<{ Variables: SessionVariables<Values> }>();
  app.use(honoSessions(admin.sessions));
  app.use(honoSessions(running.sessions));
  app.route("/api", inner);
  await using server = await serveFetch(app.fetch);
  const visitor = new Visitor(server.url);
  const first = await visitor.get("/api/count");
  expect(first.setCookies.map((cookie) => cookie.split("=")[0]).sort()).toEqual([
    ...["__Host-admin", "__Host-session"],
  ]);
  expect((await visitor.get("/api/count")).body).toBe("2");
  expect(running.store.calls).toEqual(["replace", "find", "replace"]);
});
