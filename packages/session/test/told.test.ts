import { serve as serveHono } from "@hono/node-server";
import express from "express";
import { describe, expect, it } from "vitest";
import { fetchHandler, withSession } from "../src/adapters/fetch.js";
import { type Session, SessionManager } from "../src/index.js";
import { RawClient } from "./fixtures/raw-client.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { type Handler, run, serve, type Values } from "./fixtures/running-app.js";
import { Signal } from "./fixtures/signal.js";
import { Visitor } from "./fixtures/visitor.js";

const refused: [string, (res: express.Response) => unknown][] = [
  ["a status message", (res) => Object.assign(res, { statusMessage: "\u0100" }).end("body")],
  ["a chunk", (res) => res.end(123 as unknown as string)],
  ["a chunk that is written", (res) => res.write({} as string)],
];

describe("if Node.js refuses the app's answer, the 500 carries a new token:", () => {
  const answer =
    (act: (res: express.Response) => unknown): Handler =>
    (session, res, req) => {
      if (req.url === "/login") session.set("userId", "u1");
      if (req.url === "/renew") session.renew();
      if (req.url === "/renew") act(res as express.Response);
      else res.end(String(session.get("userId")));
    };

  it.each(refused)("%s, under node:http", async (_, act) => {
    await using app = await run(answer(act));
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    const old = visitor.token;
    expect(await visitor.get("/renew")).toMatchObject({ status: 500, body: "Internal Server Error\n" });
    expect(visitor.token).not.toBe(old);
    expect((await visitor.get()).body).toBe("u1");
    expect(app.errors).toEqual([expect.objectContaining({ code: expect.stringMatching(/^ERR_/) })]);
  });

  it.each(refused)("%s, under Express, with its own error page", async (_, act) => {
    await using app = await run(answer(act), { stack: "Express" });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    const old = visitor.token;
    expect((await visitor.get("/renew")).status).toBe(500);
    expect(visitor.token).not.toBe(old);
    expect((await visitor.get()).body).toBe("u1");
  });
});

describe("a Response that cannot leave", () => {
  async function open() {
    const store = new RecordingStore();
    const errors: Error[] = [];
    const sessions = new SessionManager<Values>({ store, onError: (error) => errors.push(error) });
    const session = await sessions.load(undefined);
    await sessions.commit(session.set("userId", "u1"));
    const request = new Request("http://app/", { headers: { cookie: `__Host-session=${session.token}` } });
    return { store, errors, sessions, request, [Symbol.asyncDispose]: () => store[Symbol.asyncDispose]() };
  }
  const renewed = (respond: () => unknown) => async (session: Session<Values>) => {
    session.renew();
    return (await respond()) as Response;
  };

  it.each<[string, () => unknown]>([
    ["Response.error()", () => Response.error()],
    [
      "one that is used up",
      async () => {
        const response = new Response("body");
        await response.text();
        return response;
      },
    ],
    [
      "a response whose body is locked",
      () => {
        const response = new Response("body");
        response.body?.getReader();
        return response;
      },
    ],
    [
      "a response whose body fails at once",
      () =>
        new Response(new ReadableStream({ start: (controller) => controller.error(new Error("broken")) })),
    ],
    [
      "a response whose body fails when it is read",
      () => new Response(new ReadableStream({ pull: () => Promise.reject(new Error("broken")) })),
    ],
  ])("is a 500 that carries the new token: %s", async (_, respond) => {
    await using app = await open();
    const response = await withSession(app.sessions, app.request, renewed(respond));
    expect(response.status).toBe(500);
    expect(response.headers.get("cache-control")).toBe("no-store");
    const [cookie] = response.headers.getSetCookie();
    const token = /=([^;]+)/.exec(cookie ?? "")?.[1];
    expect((await app.sessions.load(token)).get("userId")).toBe("u1");
    expect(app.errors).toHaveLength(1);
  });

  it("is returned unchanged if no cookie changes", async () => {
    await using app = await open();
    const error = Response.error();
    expect(await withSession(app.sessions, app.request, () => error)).toBe(error);
    expect(app.errors).toEqual([]);
  });

  it.each<[string, () => unknown]>([
    ["undefined, as of a handler that upgrades for Bun", () => undefined],
    ["null", () => null],
    ["an object", () => ({ upgraded: true })],
    [
      "a 101 with immutable headers",
      () => Object.defineProperty(Response.redirect("http://app/", 302), "status", { value: 101 }),
    ],
  ])("and what is none passes through, and onError hears of the cookie: %s", async (_, respond) => {
    await using app = await open();
    const given = respond();
    expect(
      await withSession(
        app.sessions,
        app.request,
        renewed(() => given),
      ),
    ).toBe(given);
    expect(app.errors).toEqual([expect.objectContaining({ name: "SessionError", code: "TOO_LATE" })]);
    expect(await withSession(app.sessions, app.request, async () => given as Response)).toBe(given);
    expect(app.errors).toHaveLength(1);
  });

  it("or another result is returned unchanged even if the save fails", async () => {
    await using app = await open();
    app.store.fail("replace", new Error("away"));
    const answer = (session: Session<Values>) => {
      session.set("x", 1);
      return undefined as unknown as Response;
    };
    expect(await withSession(app.sessions, app.request, answer)).toBeUndefined();
    expect(app.errors).toEqual([expect.objectContaining({ message: "away" })]);
  });

  it("carries the cookie if it is a 101 with mutable headers", async () => {
    await using app = await open();
    const upgrade = Object.defineProperty(new Response(null), "status", { value: 101 });
    const response = await withSession(
      app.sessions,
      app.request,
      renewed(() => upgrade),
    );
    expect(response).toBe(upgrade);
    expect(response.headers.getSetCookie()).toHaveLength(1);
  });

  it("does not wait for a later body", async () => {
    await using app = await open();
    let send = (): void => undefined;
    const body = new ReadableStream({
      start(controller) {
        send = () => {
          controller.enqueue(Buffer.from("late"));
          controller.close();
        };
      },
    });
    const response = await withSession(
      app.sessions,
      app.request,
      renewed(() => new Response(body)),
    );
    send();
    expect(await response.text()).toBe("late");
    expect(response.headers.getSetCookie()).toHaveLength(1);
  });

  it("reaches the client of a real server as a 500 with the cookie", async () => {
    await using app = await open();
    const handler = fetchHandler(app.sessions, (request: Request) => {
      app.sessions.get(request).renew();
      return new Response(
        new ReadableStream({ start: (controller) => controller.error(new Error("broken")) }),
      );
    });
    const port = await new Promise<number>((resolve) => {
      const server = serveHono({ fetch: handler, port: 0, hostname: "127.0.0.1" }, (info) => {
        server.unref();
        resolve(info.port);
      });
    });
    const cookie = app.request.headers.get("cookie") ?? "";
    const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { cookie, connection: "close" } });
    expect([response.status, response.headers.getSetCookie().length]).toEqual([500, 1]);
  });
});

describe("code of the app", () => {
  const away = new Error("broken by the app");
  const broken = (): never => {
    throw away;
  };
  const transport = {
    requestHeader: "x-session",
    responseHeader: "x-session",
    read: (value: string) => [value],
    give: (token: string) => token,
    take: () => "",
  };
  const answer: Handler = (session, res, req) => {
    if (req.url === "/set") session.set("x", 1);
    if (req.url === "/destroy") session.destroy();
    res.end("body");
  };

  it.each(["node:http", "Connect", "Express"] as const)(
    "a transport that fails to set a token is a 500, and the process survives (%s)",
    async (stack) => {
      let calls = 0;
      const give = () => {
        calls++;
        return broken();
      };
      await using app = await run(answer, { stack, transport: { ...transport, give } });
      expect((await new Visitor(app.url).get("/set")).status).toBe(500);
      expect(app.errors).toEqual([away]);
      expect(calls).toBe(1); // no second attempt
    },
  );

  it("a transport that fails to clear a token is a 500", async () => {
    await using app = await run(answer, { transport: { ...transport, take: broken } });
    const headers = { "x-session": (await fetch(`${app.url}/set`)).headers.get("x-session") ?? "" };
    expect((await fetch(`${app.url}/destroy`, { headers })).status).toBe(500);
    expect(app.errors).toEqual([away]);
    expect(await app.store.contents()).toEqual([]);
  });

  it.each(["node:http", "Connect", "Express"] as const)(
    "a transport that fails to read tokens fails the load (%s)",
    async (stack) => {
      await using app = await run(answer, { stack, transport: { ...transport, read: broken } });
      expect((await fetch(app.url, { headers: { "x-session": "x" } })).status).toBe(500);
      expect((await fetch(app.url)).status).toBe(200);
      expect(app.errors).toEqual([away]);
    },
  );

  it("a failing transport is a 500 in a handler of Request, without a second attempt", async () => {
    for (const part of ["read", "give"]) {
      let calls = 0;
      const fail = () => {
        calls++;
        return broken();
      };
      const errors: Error[] = [];
      await using store = new RecordingStore();
      const onError = (error: Error) => errors.push(error);
      const sessions = new SessionManager<Values>({
        store,
        onError,
        transport: { ...transport, [part]: fail },
      });
      const request = new Request("http://app/", { headers: { "x-session": "x" } });
      const response = await withSession(sessions, request, (session) => {
        session.set("x", 1);
        return new Response("body");
      });
      expect([response.status, calls, errors]).toEqual([500, 1, [away]]);
    }
  });

  it.each([true, "auto"] as const)(
    "a failing trust proxy of Express, for example for a client that is gone, ends no process: secure is %s",
    async (secure) => {
      await using store = new RecordingStore();
      const errors: Error[] = [];
      const sessions = new SessionManager<Values>({
        ...{ store, cookie: { secure }, onError: (error: Error) => errors.push(error) },
      });
      const app = express().set("trust proxy", broken).use(sessions.middleware());
      app.use((req, res) => {
        sessions.get(req).set("x", 1);
        res.end("body");
      });
      await using server = await serve(app);
      const gate = store.pause("replace");
      const client = await RawClient.request(server.url);
      await gate.reached;
      client[Symbol.dispose]();
      gate.release();
      const response = await fetch(server.url);
      expect(await response.text()).toBe("body");
      expect(response.headers.getSetCookie()).toEqual([expect.stringContaining("; Secure")]);
      expect(errors).toEqual(secure === true ? [] : errors.map(() => away));
    },
  );

  it("an error of the app's finish listener is uncaught, as without sessions", async () => {
    const failed = new Signal();
    let failure: unknown;
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => {
      failure = error;
      failed.give();
    });
    try {
      await using app = await run((session, res) => {
        session.set("x", 1);
        res.on("finish", broken);
        res.end("body");
      });
      using client = await RawClient.request(app.url);
      await failed.given;
      expect(failure).toBe(away);
      expect(client.received).toMatch(/^(HTTP\/1.1 200 OK|$)/);
      expect(app.errors).toEqual([]);
    } finally {
      for (const listener of listeners) process.on("uncaughtException", listener);
    }
  });
});
