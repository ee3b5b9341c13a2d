import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { runInNewContext } from "node:vm";
import { StoreError } from "@scs/core";
import connect from "connect";
import express from "express";
import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { madeUpToken } from "./fixtures/made-up-token.js";
import { collectWarnings } from "./fixtures/process-warnings.js";
import { RawClient } from "./fixtures/raw-client.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { type Handler, run, serve, stacks, type Values } from "./fixtures/running-app.js";
import { Signal } from "./fixtures/signal.js";
import { Visitor } from "./fixtures/visitor.js";

const away = new StoreError("UNAVAILABLE", "the database does not answer");
const someToken = madeUpToken();

function endless(this: Readable): void {
  setImmediate(() => this.push("more"));
}

const save: Handler = (session, res, req) => {
  if (req.url !== "/plain") session.set("x", 1);
  res.end("body");
};

describe("a store that fails on load", () => {
  it("is a 500 without running the app if no error can be passed on (node:http)", async () => {
    let runs = 0;
    await using app = await run((_, res) => {
      runs++;
      res.end("nobody is logged in");
    });
    app.store.fail("find", away);
    const answer = await new Visitor(app.url, { "__Host-session": someToken }).get();
    expect(answer).toMatchObject({ status: 500, body: "Internal Server Error\n", setCookies: [] });
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(runs).toBe(0);
    expect(app.errors).toEqual([away]);
  });

  it("only calls onError if the app has already answered (node:http)", async () => {
    const store = new RecordingStore();
    const errors: Error[] = [];
    const reported = new Signal();
    const sessions = new SessionManager<Values>({
      store,
      onError(error) {
        errors.push(error);
        reported.give();
      },
    });
    const find = store.pause("find");
    const handle = sessions.middleware();
    await using server = await serve((req, res) => {
      handle(req, res, () => res.end("here"));
      if (req.url === "/slow") find.reached.then(() => res.writeHead(503).end("come back later"));
    });
    const visitor = new Visitor(server.url, { "__Host-session": someToken });
    expect(await visitor.get("/slow")).toMatchObject({ status: 503, body: "come back later" });
    store.fail("find", away);
    find.release();
    await reported.given;
    store.fail("find");
    expect(await visitor.get()).toMatchObject({ status: 200, body: "here" }); // the process has survived
    expect(errors).toEqual([away]);
    await store[Symbol.asyncDispose]();
  });

  it.each([
    ["Express", () => express()],
    ["Connect", () => connect()],
  ])("goes to the error handler of %s, and to onError", async (_, create) => {
    const store = new RecordingStore();
    store.fail("find", away);
    const errors: Error[] = [];
    const sessions = new SessionManager<Values>({ store, onError: (error) => errors.push(error) });
    const seen: unknown[] = [];
    const app = create() as ReturnType<typeof connect>;
    app.use(sessions.middleware());
    app.use((_req: IncomingMessage, res: ServerResponse) => void res.end("nobody is logged in"));
    app.use((error: unknown, _req: IncomingMessage, res: ServerResponse, _next: unknown) => {
      seen.push(error);
      res.statusCode = 503;
      res.end("come back later");
    });
    await using server = await serve(app);
    const answer = await new Visitor(server.url, { "__Host-session": someToken }).get();
    expect(answer).toMatchObject({ status: 503, body: "come back later" });
    expect(seen).toEqual([away]);
    expect(errors).toEqual([away]);
    await store[Symbol.asyncDispose]();
  });

  it("does not affect a visitor without a cookie", async () => {
    await using app = await run(save);
    app.store.fail("find", away);
    expect((await new Visitor(app.url).get("/plain")).status).toBe(200);
  });
});

describe("a store that fails on save", () => {
  it.each(stacks)("replaces the app's response by a 500, and calls onError (%s)", async (stack) => {
    await using app = await run(
      (session, res, req) => {
        res.setHeader("Set-Cookie", "theirs=1");
        res.setHeader("ETag", '"1"');
        res.setHeader("Last-Modified", "Sat, 17 May 2031 08:30:00 GMT");
        res.setHeader("X-Frame-Options", "DENY");
        res.setHeader("Cache-Control", "public, max-age=60");
        res.setHeader("CDN-Cache-Control", "max-age=60");
        res.setHeader("Surrogate-Control", "max-age=60");
        res.setHeader("X-Accel-Redirect", "/file");
        res.statusCode = 201;
        res.statusMessage = "Made";
        if (req.url !== "/plain") session.set("x", 1);
        res.writeHead(200, {
          "Content-Type": "image/png",
          "Content-Length": 6,
          "Content-Encoding": "gzip",
          "Content-Disposition": "attachment",
          "Accept-Ranges": "bytes",
          Location: "/elsewhere",
        });
        res.write("bo");
        res.end("dy");
      },
      { stack },
    );
    app.store.fail("replace", away);
    using client = await RawClient.request(app.url);
    const received = (await client.end()).replace(/\r\n(Date|X-Powered-By): .*/g, "");
    expect(received.toLowerCase().split("\r\n").sort()).toEqual(
      [
        "http/1.1 500 internal server error",
        "x-frame-options: deny",
        "cache-control: no-store",
        "content-type: text/plain; charset=utf-8",
        "content-length: 22",
        "connection: close",
        "",
        "internal server error\n",
      ].sort(),
    );
    expect(app.errors).toEqual([away]);
  });

  it.each([
    ["replace", "end one"],
    ["touch", "touch one"],
  ] as const)("is a 500 if it was to %s (%s)", async (method, _what) => {
    await using app = await run(
      (session, res, req) => {
        if (req.url === "/login") session.set("x", 1);
        if (req.url === "/replace") session.destroy();
        res.end("body");
      },
      { idleTimeoutMs: 1000, touchAfterMs: 0 },
    );
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    app.store.fail(method, away);
    expect(await visitor.get(`/${method}`)).toMatchObject({ status: 500, setCookies: [] });
    expect(app.errors).toEqual([away]);
  });

  it("is a 500 without a body to HEAD", async () => {
    await using app = await run(save);
    app.store.fail("replace", away);
    expect(await new Visitor(app.url).get("/", { method: "HEAD" })).toMatchObject({ status: 500, body: "" });
  });

  it.each([204, 304])("is a 500 with a body even if the app answered %d", async (status) => {
    await using app = await run((session, res) => {
      session.set("x", 1);
      res.writeHead(status).end();
    });
    app.store.fail("replace", away);
    expect(await new Visitor(app.url).get()).toMatchObject({ status: 500, body: "Internal Server Error\n" });
  });

  it("lets the app continue writing: its callbacks get the error, and nothing else happens", async () => {
    const finished = new Signal();
    const told: unknown[] = [];
    let wrote = 0;
    const much = "held".repeat(100_000); // more than the buffers of a connection
    await using app = await run(async (session, res) => {
      session.set("x", 1);
      if (!res.write(much, (error) => told.push(error))) await once(res, "drain");
      for (; wrote < 100; wrote++) if (!res.write("more")) await once(res, "drain");
      expect(res.headersSent).toBe(true);
      expect(() => res.writeHead(200)).toThrow("after they are sent"); // as without a session
      res.flushHeaders();
      await new Promise<void>((resolve) => {
        res.write("more", (error) => {
          told.push(error);
          resolve();
        });
      });
      await new Promise<void>((resolve) => res.end("end", resolve));
      finished.give();
    });
    app.store.fail("replace", away);
    expect(await new Visitor(app.url).get()).toMatchObject({ status: 500, body: "Internal Server Error\n" });
    await finished.given;
    expect(wrote).toBe(100);
    expect(told).toEqual([away, expect.objectContaining({ message: "the response was replaced by a 500" })]);
    expect(app.errors).toEqual([away]);
    app.store.fail("replace");
  });

  it("tells the client about an earlier save: it does not lose a new session", async () => {
    await using app = await run(async (session, res) => {
      await app.sessions.commit(session.set("userId", "u1"));
      session.set("broken", () => 1);
      res.end("body");
    });
    const visitor = new Visitor(app.url);
    expect((await visitor.get()).status).toBe(500);
    expect((await app.sessions.load(visitor.token)).get("userId")).toBe("u1");
  });

  it.each([
    ["that ends", () => Readable.from(["one", "two"])],
    ["that has no end", () => new Readable({ read: endless })],
  ])("lets no pipeline wait for ever: of a source %s", async (_, sourceOf) => {
    const outcome = new Signal();
    await using app = await run((session, res) => {
      session.set("x", 1);
      pipeline(sourceOf(), res).then(outcome.give, outcome.give);
    });
    app.store.fail("replace", away);
    expect((await new Visitor(app.url).get()).status).toBe(500);
    await outcome.given;
  });

  it("recovers when the store is back", async () => {
    await using app = await run(save);
    const visitor = new Visitor(app.url);
    app.store.fail("replace", away);
    expect((await visitor.get()).status).toBe(500);
    app.store.fail("replace");
    expect((await visitor.get()).status).toBe(200);
    expect(await app.store.contents()).toEqual([{ x: 1 }]);
  });
});

describe("onError", () => {
  it("is a process warning by default", async () => {
    await using warnings = collectWarnings();
    const store = new RecordingStore();
    const sessions = new SessionManager<Values>({ store });
    const handle = sessions.middleware();
    await using server = await serve((req, res) =>
      handle(req, res, () => void save(sessions.get(req), res, req)),
    );
    store.fail("replace", away);
    expect((await new Visitor(server.url).get()).status).toBe(500);
    expect(await warnings.emitted()).toEqual([away]);
    await store[Symbol.asyncDispose]();
  });

  it.each(["Promise.reject('broke')", "Promise.reject(Object.create(null))"])(
    "that returns a rejecting promise of another realm ends no process: %s",
    async (source) => {
      await using warnings = collectWarnings();
      await using app = await run(save, { onError: () => runInNewContext(source) });
      app.store.fail("replace", away);
      expect((await new Visitor(app.url).get()).status).toBe(500);
      expect(await warnings.emitted()).toHaveLength(1);
    },
  );

  it("that rejects does not end the process", async () => {
    await using warnings = collectWarnings();
    await using app = await run(save, { onError: () => Promise.reject(new Error("handler broke")) });
    app.store.fail("replace", away);
    expect((await new Visitor(app.url).get()).status).toBe(500);
    expect((await warnings.emitted()).map(({ message }) => message)).toEqual(["handler broke"]);
  });

  it.each([new Error("handler broke"), undefined])(
    "that throws %o leaves no response open, and does not end the process",
    async (thrown) => {
      await using warnings = collectWarnings();
      await using app = await run(save, {
        onError: () => {
          throw thrown;
        },
      });
      app.store.fail("replace", away);
      expect((await new Visitor(app.url).get()).status).toBe(500);
      app.store.fail("find", away);
      expect((await new Visitor(app.url, { "__Host-session": someToken }).get()).status).toBe(500);
      const messages = (await warnings.emitted()).map(({ message }) => message);
      expect(messages).toEqual([thrown?.message ?? "undefined", thrown?.message ?? "undefined"]);
    },
  );
});
