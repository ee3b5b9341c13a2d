import { setImmediate } from "node:timers/promises";
import { StoreError } from "@scs/core";
import express5 from "express";
import express4 from "express4";
import { fastify } from "fastify";
import { Hono } from "hono";
import Koa from "koa";
import { describe, expect, it } from "vitest";
import { fastifySessions } from "../src/adapters/fastify.js";
import { fetchHandler } from "../src/adapters/fetch.js";
import { honoSessions } from "../src/adapters/hono.js";
import { koaSessions } from "../src/adapters/koa.js";
import { type Session, SessionManager } from "../src/index.js";
import { serveFetch } from "./fixtures/fetch-server.js";
import { loseNothing } from "./fixtures/parallel-requests.js";
import { collectWarnings } from "./fixtures/process-warnings.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { serve, type Values } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

type Sessions = SessionManager<Values>;
type Served = { url: string } & AsyncDisposable;

/** Runs the action of a path, and returns the body, which each app sends in its framework's own way. */
async function act(path: string, session: Session<Values>): Promise<string> {
  await setImmediate();
  if (path === "/login" || path === "/login-stream") session.set("userId", "u1");
  if (path === "/login-redirect" || path === "/login-broken") session.set("userId", "u1");
  if (path === "/count") session.set("count", Number(session.get("count") ?? 0) + 1);
  if (path === "/renew") session.renew();
  if (path === "/logout" || path === "/logout-broken") session.destroy();
  if (path.startsWith("/set/")) session.set(path.slice("/set/".length), true);
  if (path === "/keys") return JSON.stringify([...session.keys()]);
  if (path.endsWith("-broken")) throw new Error("the app broke");
  return `${session.get("userId") ?? "nobody"} ${session.get("count") ?? 0}`;
}

function* chunksOf(body: string): Generator<string> {
  yield* body.split(" ").map((part, at) => (at === 0 ? part : ` ${part}`));
}

const apps: Record<string, (sessions: Sessions) => Promise<Served>> = {
  "Express 4": (sessions) => expressApp(sessions, express4),
  "Express 5": (sessions) => expressApp(sessions, express5),
  Fastify: async (sessions) => {
    const app = fastify();
    await app.register(fastifySessions(sessions));
    app.all("*", async (request, reply) => {
      const body = await act(request.url, request.session);
      if (request.url === "/login-redirect") return reply.redirect("/");
      if (!request.url.endsWith("-stream")) return body;
      const { Readable } = await import("node:stream");
      return reply.type("text/plain").send(Readable.from(chunksOf(body)));
    });
    const url = await app.listen({ port: 0, host: "127.0.0.1" });
    return { url, [Symbol.asyncDispose]: async () => void (await app.close()) };
  },
  Koa: async (sessions) => {
    const app = new Koa();
    app.silent = true;
    app.use(koaSessions(sessions));
    app.use(async (ctx) => {
      const body = await act(ctx.path, ctx.session as Session<Values>);
      if (ctx.path === "/login-redirect") return ctx.redirect("/");
      const { Readable } = await import("node:stream");
      ctx.body = ctx.path.endsWith("-stream") ? Readable.from(chunksOf(body)) : body;
    });
    return serve(app.callback());
  },
  Hono: async (sessions) => {
    const app = new Hono();
    app.use(honoSessions(sessions));
    return serveFetch(honoApp(app, sessions).fetch);
  },
  "Hono, around its fetch": async (sessions) =>
    serveFetch(fetchHandler(sessions, honoApp(new Hono(), sessions).fetch)),
  "a Fetch handler": async (sessions) =>
    serveFetch(
      fetchHandler(sessions, async (request: Request) => {
        const { pathname } = new URL(request.url);
        const body = await act(pathname, sessions.get(request)).catch(() => undefined);
        if (body === undefined) return new Response("the app broke", { status: 500 });
        if (pathname === "/login-redirect") return Response.redirect(new URL("/", request.url), 302);
        return new Response(
          pathname.endsWith("-stream") ? ReadableStream.from(encoded(chunksOf(body))) : body,
        );
      }),
    ),
};

async function* encoded(parts: Iterable<string>): AsyncGenerator<Uint8Array> {
  for (const part of parts) {
    await setImmediate();
    yield Buffer.from(part);
  }
}

function honoApp(app: Hono, sessions: Sessions): Hono {
  app.all("*", async (c) => {
    const body = await act(c.req.path, sessions.get(c.req.raw));
    if (c.req.path === "/login-redirect") return c.redirect("/");
    return c.body(c.req.path.endsWith("-stream") ? ReadableStream.from(encoded(chunksOf(body))) : body);
  });
  app.onError((error, c) => c.text(error.message, 500));
  return app;
}

async function expressApp(sessions: Sessions, create: typeof express5): Promise<Served> {
  const app = create();
  app.use(sessions.middleware());
  app.use((req, res, next) => {
    act(req.path, sessions.get(req)).then(async (body) => {
      if (req.path === "/login-redirect") return res.redirect("/");
      if (!req.path.endsWith("-stream")) return res.send(body);
      const { Readable } = await import("node:stream");
      return Readable.from(chunksOf(body)).pipe(res);
    }, next);
  });
  app.use((error: Error, _req: unknown, res: express5.Response, _next: unknown) => {
    res.status(500).send(error.message);
  });
  return serve(app);
}

async function running(name: string) {
  const store = new RecordingStore();
  const errors: Error[] = [];
  const sessions: Sessions = new SessionManager<Values>({ store, onError: (error) => errors.push(error) });
  const server = await (apps[name] as (sessions: Sessions) => Promise<Served>)(sessions);
  return {
    ...{ url: server.url, store, errors, visitor: new Visitor(server.url) },
    async [Symbol.asyncDispose]() {
      await server[Symbol.asyncDispose]();
      await store[Symbol.asyncDispose]();
    },
  };
}

describe.each(Object.keys(apps))("under %s", (name) => {
  it("a session is begun, found, changed, renewed and destroyed", async () => {
    await using app = await running(name);
    const { visitor, store } = app;
    expect(await visitor.get()).toMatchObject({ status: 200, body: "nobody 0", setCookies: [] });
    expect(store.takeCalls()).toEqual([]);
    const login = await visitor.get("/login");
    expect(login.setCookies).toEqual([
      expect.stringMatching(/^__Host-session=[\w-]{22}\.[\w-]{43}; Max-Age=86400; .*HttpOnly/),
    ]);
    expect(login.headers.get("cache-control")).toBe("no-store");
    expect(store.takeCalls()).toEqual(["replace"]);
    expect(await visitor.get()).toMatchObject({ body: "u1 0", setCookies: [] });
    expect(store.takeCalls()).toEqual(["find"]);
    expect((await visitor.get("/count")).body).toBe("u1 1");
    expect(store.takeCalls()).toEqual(["find", "replace"]);
    const before = visitor.clone();
    await visitor.get("/renew");
    expect((await visitor.get()).body).toBe("u1 1");
    expect((await before.get()).body).toBe("nobody 0");
    expect((await visitor.get("/logout")).setCookies).toEqual([expect.stringContaining("Max-Age=0")]);
    expect((await visitor.get()).body).toBe("nobody 0");
    expect(await store.keys()).toEqual([]);
    expect(app.errors).toEqual([]);
  });

  it("parallel requests lose no change, and never undo a log-out", async () => {
    await using app = await running(name);
    await app.visitor.get("/login");
    await loseNothing(app.visitor);
    expect((await app.store.contents()).filter(({ userId }) => userId !== undefined)).toEqual([]);
    expect(app.errors).toEqual([]);
  });

  it.each(["/login-redirect", "/login-stream"])(
    "the session is saved and the cookie set before the response: %s",
    async (path) => {
      await using app = await running(name);
      const { visitor } = app;
      const answer = await visitor.get(path);
      expect(answer.status).toBe(path === "/login-redirect" ? 302 : 200);
      expect(answer.setCookies).toHaveLength(1);
      if (path === "/login-stream") expect(answer.body).toBe("u1 0");
      expect((await visitor.get()).body).toBe("u1 0");
    },
  );

  it("HEAD gets the cookie, and no body", async () => {
    await using app = await running(name);
    const answer = await app.visitor.get("/login", { method: "HEAD" });
    expect(answer).toMatchObject({ status: 200, body: "" });
    expect(answer.setCookies).toHaveLength(1);
    expect((await app.visitor.get()).body).toBe("u1 0");
  });

  it("a failing app answers with its own error page, and a log-out holds", async () => {
    await using app = await running(name);
    await app.visitor.get("/login");
    expect((await app.visitor.get("/logout-broken")).status).toBe(500);
    expect(await app.store.keys()).toEqual([]);
  });

  it("a store that fails on save is a 500 without the app's body, and calls onError", async () => {
    await using app = await running(name);
    const away = new StoreError("UNAVAILABLE", "the database does not answer");
    app.store.fail("replace", away);
    const answer = await app.visitor.get("/login");
    expect(answer).toMatchObject({ status: 500, body: "Internal Server Error\n", setCookies: [] });
    expect(app.errors).toEqual([away]);
  });

  it("a store that fails on load is a 500, never an empty session", async () => {
    await using _warnings = collectWarnings();
    await using app = await running(name);
    await app.visitor.get("/login");
    app.store.fail("find", new StoreError("UNAVAILABLE", "the database does not answer"));
    const answer = await app.visitor.get();
    expect(answer.status).toBe(500);
    expect(answer.body).not.toContain("nobody");
    expect(app.errors).toHaveLength(1);
  });
});
