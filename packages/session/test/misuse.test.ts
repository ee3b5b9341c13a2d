import express5 from "express";
import express4 from "express4";
import { fastify } from "fastify";
import { H3 } from "h3";
import { Hono } from "hono";
import { bodyLimit } from "hono/body-limit";
import { methodOverride } from "hono/method-override";
import Koa from "koa";
import { createRequestHandler } from "react-router";
import { describe, expect, it } from "vitest";
import { astroSessions } from "../src/adapters/astro.js";
import { fastifySessions } from "../src/adapters/fastify.js";
import { fetchHandler, withSession } from "../src/adapters/fetch.js";
import { h3Sessions } from "../src/adapters/h3.js";
import { honoSessions } from "../src/adapters/hono.js";
import { koaSessions } from "../src/adapters/koa.js";
import { reactRouterSessions } from "../src/adapters/react-router.js";
import { svelteKitSessions } from "../src/adapters/sveltekit.js";
import { SessionManager } from "../src/index.js";
import { serverBuild } from "./fixtures/react-router-app.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { serve, type Values } from "./fixtures/running-app.js";
import { RunningManager } from "./fixtures/running-manager.js";

function manager(options: { asyncContext?: boolean } = {}) {
  const store = new RecordingStore();
  const errors: Error[] = [];
  const sessions = new SessionManager<Values>({ store, onError: (error) => errors.push(error), ...options });
  return { store, sessions, errors, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
}

/** Returns the message of the error that middleware of h3 has thrown. */
async function messageOfH3(middleware: unknown): Promise<string> {
  const errors: Error[] = [];
  const app = new H3({ silent: true, onError: ({ cause }) => void errors.push(cause as Error) });
  app.use(middleware as never);
  app.get("/", () => "body");
  expect((await app.request("/")).status).toBe(500);
  return String(errors[0]?.message);
}

/** Returns the message of the error that middleware of React Router has thrown. */
async function messageOfRouter(running: RunningManager, middleware: unknown): Promise<string> {
  const build = serverBuild(middleware, running, reactRouterSessions(running.sessions));
  const errors: Error[] = [];
  Object.assign(build.entry.module, { handleError: (error: Error) => void errors.push(error) });
  const answer = await createRequestHandler(build, "production")(new Request("http://app/"));
  expect(answer.status).toBe(500);
  return String(errors[0]?.message);
}

describe("sessions.middleware() in another framework is an error that names the import", () => {
  it("of Koa", async () => {
    await using running = manager();
    const app = new Koa();
    const errors: Error[] = [];
    app.on("error", (error) => errors.push(error));
    app.use(running.sessions.middleware() as never);
    await using server = await serve(app.callback());
    expect((await fetch(server.url)).status).toBe(500);
    expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining("@scs/session/koa")]);
  });

  it("of Hono", async () => {
    await using running = manager();
    const app = new Hono();
    app.onError((error, c) => c.text(error.message, 500));
    app.use(running.sessions.middleware() as never);
    const response = await app.request("/");
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining("@scs/session/hono"),
    ]);
  });

  it("of Fastify, as a plugin", async () => {
    await using running = manager();
    const app = fastify();
    app.register(running.sessions.middleware() as never);
    await expect(app.ready()).rejects.toThrow("@scs/session/fastify");
  });

  it("of Fastify, as a hook", async () => {
    await using running = manager();
    const app = fastify();
    app.addHook("onRequest", running.sessions.middleware() as never);
    app.get("/", () => "body");
    const { statusCode, body } = await app.inject("/");
    expect([statusCode, body]).toEqual([500, expect.stringContaining("@scs/session/fastify")]);
    await app.close();
  });

  it("of h3", async () => {
    await using running = manager();
    expect(await messageOfH3(running.sessions.middleware())).toContain("@scs/session/h3");
  });

  it("of React Router", async () => {
    await using running = new RunningManager();
    expect(await messageOfRouter(running, running.sessions.middleware())).toContain(
      "@scs/session/react-router",
    );
  });

  it("of a handler of Request", async () => {
    await using running = manager();
    const handler = running.sessions.middleware() as unknown as (request: Request) => void;
    expect(() => handler(new Request("http://app/"))).toThrow("@scs/session/fetch");
  });
});

describe.each<[name: string, of: (sessions: RunningManager["sessions"]) => unknown]>([
  ["koaSessions", koaSessions],
  ["honoSessions", honoSessions],
  ["fastifySessions", fastifySessions],
  ["fetchHandler", (sessions) => fetchHandler(sessions, () => new Response("body"))],
  ["h3Sessions", h3Sessions],
  ["svelteKitSessions", svelteKitSessions],
  ["astroSessions", astroSessions],
  ["sessionMiddleware", (sessions) => reactRouterSessions(sessions).sessionMiddleware],
])("%s in another framework is an error that names the import", (name, of) => {
  const isElsewhere = (home: string) => !name.startsWith(home);

  it.each([
    ["4", express4],
    ["5", express5],
  ])("of Express %s", async (_, express) => {
    await using running = new RunningManager();
    const app = express();
    app.use(of(running.sessions) as never);
    app.use((error: Error, _req: unknown, res: express5.Response, _next: unknown) => {
      res.status(500).send(error.message);
    });
    await using server = await serve(app);
    const response = await fetch(server.url);
    expect([response.status, await response.text()]).toEqual([
      500,
      expect.stringContaining("app.use(sessions.middleware())"),
    ]);
  });

  if (isElsewhere("koa"))
    it("of Koa", async () => {
      await using running = new RunningManager();
      const app = new Koa();
      const errors: Error[] = [];
      app.on("error", (error) => errors.push(error));
      app.use(of(running.sessions) as never);
      await using server = await serve(app.callback());
      expect((await fetch(server.url)).status).toBe(500);
      expect(errors.map(({ message }) => message)).toEqual([expect.stringContaining("@scs/session/koa")]);
    });

  if (isElsewhere("hono"))
    it("of Hono", async () => {
      await using running = new RunningManager();
      const app = new Hono();
      app.onError((error, c) => c.text(error.message, 500));
      app.use(of(running.sessions) as never);
      expect(await (await app.request("/")).text()).toContain("@scs/session/hono");
    });

  if (isElsewhere("h3"))
    it("of h3", async () => {
      await using running = new RunningManager();
      expect(await messageOfH3(of(running.sessions))).toContain("@scs/session/h3");
    });

  if (isElsewhere("sessionMiddleware"))
    it("of React Router", async () => {
      await using running = new RunningManager();
      expect(await messageOfRouter(running, of(running.sessions))).toContain("@scs/session/react-router");
    });

  if (isElsewhere("fastify"))
    it("of Fastify, as a plugin and as a hook", async () => {
      await using running = new RunningManager();
      const plugged = fastify();
      plugged.register(of(running.sessions) as never);
      await expect(plugged.ready()).rejects.toThrow("@scs/session/fastify");
      const hooked = fastify();
      hooked.addHook("onRequest", of(running.sessions) as never);
      hooked.get("/", () => "body");
      expect((await hooked.inject("/")).json().message).toContain("@scs/session/fastify");
      await hooked.close();
    });
});

describe("a copy of a request has its session", () => {
  async function begun(sessions: SessionManager<Values>): Promise<string> {
    const session = await sessions.load(undefined);
    await sessions.commit(session.set("userId", "u1"));
    return `__Host-session=${session.token}`;
  }

  it("made by Hono's bodyLimit for a chunked body", async () => {
    await using running = manager();
    const app = new Hono();
    app.use(bodyLimit({ maxSize: 1000 }));
    app.post("/", async (c) =>
      c.text(`${running.sessions.get(c.req.raw).get("userId")} ${await c.req.text()}`),
    );
    const cookie = await begun(running.sessions);
    const body = ReadableStream.from([Buffer.from("bo"), Buffer.from("dy")]);
    const init = { method: "POST", body, headers: { cookie }, duplex: "half" };
    const response = await fetchHandler(
      running.sessions,
      app.fetch,
    )(new Request("http://app/", init as RequestInit));
    expect(await response.text()).toBe("u1 body");
  });

  it("made by Hono's methodOverride", async () => {
    await using running = manager();
    const app = new Hono();
    app.use(methodOverride({ app }));
    app.delete("/", (c) => {
      running.sessions.get(c.req.raw).destroy();
      return c.text("gone");
    });
    const cookie = await begun(running.sessions);
    const init = { method: "POST", body: new URLSearchParams({ _method: "DELETE" }), headers: { cookie } };
    const response = await fetchHandler(running.sessions, app.fetch)(new Request("http://app/", init));
    expect([await response.text(), response.headers.getSetCookie()]).toEqual([
      "gone",
      [expect.stringContaining("Max-Age=0")],
    ]);
    expect(await running.store.contents()).toEqual([]);
  });

  it("made by React Router for a loader, and again in withSession", async () => {
    await using running = manager();
    const handler = fetchHandler(running.sessions, async (request: Request) => {
      const copy = new Request(request.url, { headers: request.headers });
      running.sessions.get(copy).set("count", 1);
      return withSession(running.sessions, copy.clone(), () => new Response("body"));
    });
    const response = await handler(new Request("http://app/"));
    expect(response.headers.getSetCookie()).toHaveLength(1);
    expect(running.store.calls).toEqual(["replace"]);
  });

  it("but not a request with another cookie, or after the response", async () => {
    await using running = manager();
    const cookie = await begun(running.sessions);
    const handler = fetchHandler(running.sessions, () => {
      const other = new Request("http://app/", { headers: { cookie: "__Host-session=other" } });
      expect(() => running.sessions.get(other)).toThrow("has no session yet");
      return new Response("body");
    });
    expect((await handler(new Request("http://app/", { headers: { cookie } }))).status).toBe(200);
    const late = new Request("http://app/", { headers: { cookie } });
    expect(() => running.sessions.get(late)).toThrow("has no session yet");
  });
});
