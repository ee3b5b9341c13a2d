import { once } from "node:events";
import type { RequestListener } from "node:http";
import { Readable } from "node:stream";
import { setImmediate } from "node:timers/promises";
import { getRequestListener } from "@hono/node-server";
import express5 from "express";
import express4 from "express4";
import { type FastifyReply, type FastifyRequest, fastify } from "fastify";
import { type Handler, Hono } from "hono";
import Koa from "koa";
import { describe, expect, it } from "vitest";
import { fastifySessions } from "../src/adapters/fastify.js";
import { fetchHandler } from "../src/adapters/fetch.js";
import { koaSessions } from "../src/adapters/koa.js";
import { SessionManager } from "../src/index.js";
import { RawClient } from "./fixtures/raw-client.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { serve, type Values } from "./fixtures/running-app.js";

type Sessions = SessionManager<Values>;
/** Logs an observation of a handler. */
type Log = (...entries: unknown[]) => void;

interface Framework {
  listen(sessions: Sessions | undefined, answer: never, log: Log): Promise<RequestListener> | RequestListener;
  answers: Record<string, unknown>;
}

const broken = (status?: number): Error =>
  Object.assign(new Error("broken"), { stack: "broken", status, statusCode: status });

/** Logs the result or error of a call. */
function attempt(log: Log, name: string, call: () => unknown): void {
  try {
    call();
    log(name, "done");
  } catch (error) {
    log(name, (error as NodeJS.ErrnoException).code);
  }
}

type ExpressAnswer = (req: express5.Request, res: express5.Response, log: Log) => unknown;

const expressAnswers: Record<string, ExpressAnswer> = {
  "sends twice": (_, res, log) => {
    res.send("one");
    attempt(log, "second", () => res.send("two"));
  },
  "sends and throws": (_, res) => {
    res.send("one");
    throw new Error("broken");
  },
  "sets the status after it has sent": (_, res, log) => {
    res.send("one");
    attempt(log, "status", () => res.status(500));
    attempt(log, "header", () => res.set("X-Late", "1"));
    attempt(log, "json", () => res.json({ late: true }));
  },
  "ends twice, guarded": (_, res) => {
    res.send("one");
    if (!res.writableEnded && !res.finished && !res.headersSent) res.end("two");
  },
  "redirects, and goes on": (_, res, log) => {
    res.redirect("/elsewhere");
    attempt(log, "render", () => res.status(200).send("more"));
  },
  "sends json": (_, res) => res.status(201).json({ a: 1 }),
  "pipes a stream": (_, res) => Readable.from(["one ", "two"]).pipe(res),
  "throws before it answers": () => {
    throw broken(418);
  },
};

function expressFramework(create: typeof express5): Framework {
  return {
    answers: expressAnswers,
    listen(sessions, answer: ExpressAnswer, log) {
      const app = create();
      app.set("env", "test");
      if (sessions !== undefined) app.use(sessions.middleware());
      app.use((req, res) => {
        sessions?.get(req).set("x", 1);
        answer(req, res, log);
      });
      return app;
    },
  };
}

type FastifyAnswer = (request: FastifyRequest, reply: FastifyReply, log: Log) => unknown;

const fastifyAnswers: Record<string, FastifyAnswer> = {
  returns: async () => "one",
  "sends and returns": async (_, reply, log) => {
    reply.send("one");
    log(reply.sent);
    return "two";
  },
  "sends and returns the reply": async (_, reply) => reply.code(201).send("one"),
  "sends twice": (_, reply, log) => {
    reply.send("one");
    attempt(log, "second", () => reply.send("two"));
  },
  "sends twice, later": async (_, reply, log) => {
    reply.send("one");
    await setImmediate();
    attempt(log, "second", () => reply.send("two"));
    return reply;
  },
  "sends and throws": async (_, reply) => {
    reply.send("one");
    throw new Error("broken");
  },
  "asks whether it has sent": async (_, reply, log) => {
    reply.send("one");
    await setImmediate();
    log(reply.sent);
    if (!reply.sent) reply.send("two");
    return reply;
  },
  "sets the status after it has sent": async (_, reply, log) => {
    reply.send("one");
    await setImmediate();
    attempt(log, "code", () => reply.code(500));
    attempt(log, "raw", () => reply.raw.setHeader("X-Late", "1"));
    return reply;
  },
  "answers by itself": (_, reply, log) => {
    reply.hijack();
    reply.raw.end("one");
    log(reply.raw.writableEnded, reply.sent);
  },
  "sends a stream": (_, reply) => reply.send(Readable.from(["one ", "two"])),
  "sends a stream that fails": (_, reply) =>
    reply.send(
      new Readable({
        read() {
          this.destroy(new Error("broken"));
        },
      }),
    ),
  "throws before it answers": async () => {
    throw broken(418);
  },
};

async function fastifyApp(sessions: Sessions | undefined, answer: FastifyAnswer, log: Log) {
  const app = fastify();
  if (sessions !== undefined) await app.register(fastifySessions(sessions));
  app.addHook("onResponse", async (_, reply) => log("onResponse", reply.sent));
  app.all("*", (request, reply) => {
    sessions?.get(request).set("x", 1);
    return answer(request, reply, log);
  });
  await app.ready();
  return app;
}

type KoaAnswer = (ctx: Koa.Context, log: Log) => unknown;

const koaAnswers: Record<string, KoaAnswer> = {
  "sets a body": (ctx) => {
    ctx.body = "one";
  },
  "ends the response by itself": (ctx, log) => {
    ctx.status = 200;
    ctx.res.end("raw");
    log(ctx.writable, ctx.headerSent);
  },
  "ends the response by itself, and sets a body": (ctx, log) => {
    ctx.res.end("raw");
    attempt(log, "body", () => {
      ctx.body = "late";
    });
    attempt(log, "status", () => {
      ctx.status = 500;
    });
  },
  "ends the response by itself, and throws": (ctx) => {
    ctx.res.end("raw");
    throw new Error("broken");
  },
  "sets a stream": (ctx) => {
    ctx.body = Readable.from(["one ", "two"]);
  },
  "sets a stream that fails": (ctx) => {
    ctx.body = new Readable({
      read() {
        this.destroy(new Error("broken"));
      },
    });
  },
  redirects: (ctx) => ctx.redirect("/elsewhere"),
  "throws before it answers": (ctx) => ctx.throw(418, "broken"),
};

const honoAnswers: Record<string, Handler> = {
  "gives text": (c) => c.text("one", 201),
  redirects: (c) => c.redirect("/elsewhere"),
  "gives a stream": (c) => c.body(ReadableStream.from([Buffer.from("one "), Buffer.from("two")])),
  throws: () => {
    throw new Error("broken");
  },
};

const frameworks: Record<string, Framework> = {
  "Express 4": expressFramework(express4),
  "Express 5": expressFramework(express5),
  Fastify: {
    answers: fastifyAnswers,
    listen: async (sessions, answer, log) =>
      (await fastifyApp(sessions, answer, log)).routing as unknown as RequestListener,
  },
  Koa: {
    answers: koaAnswers,
    listen(sessions, answer: KoaAnswer, log) {
      const app = new Koa();
      app.on("error", (error) => log("app error", error.code ?? error.message));
      if (sessions !== undefined) app.use(koaSessions(sessions));
      app.use(async (ctx) => {
        sessions?.get(ctx).set("x", 1);
        await answer(ctx, log);
      });
      return app.callback();
    },
  },
  Hono: {
    answers: honoAnswers,
    listen(sessions, answer: Handler, log) {
      const app = new Hono();
      app.onError((error, c) => {
        log("app error", error.message);
        return c.text("the app's own page", 500);
      });
      app.use(async (c, next) => {
        sessions?.get(c.req.raw).set("x", 1);
        await next();
      });
      app.all("*", answer);
      return getRequestListener(sessions === undefined ? app.fetch : fetchHandler(sessions, app.fetch));
    },
  },
};

/** Returns a response without variable headers and those that a session adds; sorts the headers. */
function comparable(response: string): string {
  const [head = "", body] = response.split(/\r\n\r\n(.*)/s);
  const lines = head
    .split("\r\n")
    .filter((line) => !/^(date|set-cookie|cache-control|keep-alive|etag):/i.test(line));
  const headers = lines.slice(1).map((line) => line.replace(/^[^:]+/, (name) => name.toLowerCase()));
  return [lines[0], ...headers.sort(), "", body].join("\n");
}

async function observe({ listen }: Framework, answer: unknown, isSlow: boolean | undefined) {
  await using store = new RecordingStore();
  const errors: Error[] = [];
  const log: string[] = [];
  const sessions = new SessionManager<Values>({ store, onError: (error) => errors.push(error) });
  const listener = await listen(isSlow === undefined ? undefined : sessions, answer as never, (...entries) =>
    log.push(entries.map(String).join(" ")),
  );
  let closed = Promise.resolve<unknown>(undefined);
  await using server = await serve((req, res) => {
    closed = once(res, "close");
    listener(req, res);
  });
  const gate = isSlow ? store.pause("replace") : undefined;
  void gate?.reached.then(async () => {
    for (let turn = 0; turn < 20; turn++) await setImmediate();
    gate.release();
  });
  using client = await RawClient.request(server.url);
  const received = await client.end();
  await closed;
  await setImmediate();
  const hasCookie = received.toLowerCase().includes("set-cookie: __host-session=");
  return { client: comparable(received), log: log.sort(), errors, hasCookie };
}

describe.each(Object.entries(frameworks))(
  "under %s, a client gets the same response as without sessions",
  (_name, framework) => {
    it.each(Object.entries(framework.answers))("from a handler that %s", async (_, answer) => {
      const plain = await observe(framework, answer, undefined);
      const hasCookie = plain.client.startsWith("HTTP/1.1");
      for (const isSlow of [false, true]) {
        expect({ isSlow, ...(await observe(framework, answer, isSlow)) }).toEqual({
          isSlow,
          ...plain,
          hasCookie,
        });
      }
    });
  },
);

describe("Fastify's inject returns the same response as without sessions", () => {
  it.each(Object.entries(fastifyAnswers))("from a handler that %s", async (_, answer) => {
    const outcomes = [];
    for (const hasSessions of [false, true]) {
      await using store = new RecordingStore();
      const log: string[] = [];
      const errors: Error[] = [];
      const sessions = new SessionManager<Values>({ store, onError: (error) => errors.push(error) });
      const app = await fastifyApp(hasSessions ? sessions : undefined, answer, (...entries) =>
        log.push(entries.map(String).join(" ")),
      );
      const { statusCode, body, headers } = await app.inject("/");
      const { "set-cookie": cookie, "cache-control": _cached, date: _date, ...others } = headers;
      expect(String(cookie).startsWith("__Host-session=")).toBe(hasSessions);
      expect(errors).toEqual([]);
      outcomes.push({ statusCode, body, headers: others, log: log.sort() });
      await app.close();
    }
    expect(outcomes[1]).toEqual(outcomes[0]);
  });
});
