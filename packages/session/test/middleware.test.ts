import type { IncomingMessage, RequestListener } from "node:http";
import { MemStore } from "@scs/memstore";
import connect from "connect";
import express from "express";
import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { layered } from "./fixtures/layered-app.js";
import { type Handler, run, serve, stacks, type Values } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

const count: Handler = (session, res) => {
  session.set("visits", Number(session.get("visits") ?? 0) + 1);
  res.end(String(session.get("visits")));
};

describe("the middleware", () => {
  it.each(stacks)("keeps a session from request to request (%s)", async (stack) => {
    await using app = await run(count, { stack });
    const [one, other] = [new Visitor(app.url), new Visitor(app.url)];
    expect((await one.get()).body).toBe("1");
    expect((await one.get()).body).toBe("2");
    expect((await other.get()).body).toBe("1");
    expect((await one.get()).body).toBe("3");
  });

  it("mounted twice loads once, saves once and sets one cookie", async () => {
    await using app = await layered((sessions) => [
      sessions.middleware(),
      sessions.middleware(),
      (req, res) => void count(sessions.get(req), res, req),
    ]);
    const { setCookies, body } = await app.visitor.get();
    expect(body).toBe("1");
    expect(setCookies).toHaveLength(1);
    expect((await app.visitor.get()).body).toBe("2");
    expect(app.store.calls).toEqual(["replace", "find", "replace"]);
  });

  it("does not run for routes without it", async () => {
    const store = new MemStore({ cleanupIntervalMs: 0 });
    const sessions = new SessionManager<Values>({ store });
    const app = express();
    app.get("/plain", (req, res) => {
      expect(() => sessions.get(req)).toThrow("this request has no session yet");
      res.send("plain");
    });
    app.get("/shop", sessions.middleware(), (req, res) => void count(sessions.get(req), res, req));
    await using server = await serve(app);
    const visitor = new Visitor(server.url);
    expect((await visitor.get("/plain")).body).toBe("plain");
    expect((await visitor.get("/shop")).body).toBe("1");
    await store[Symbol.asyncDispose]();
  });

  it("leaves an error of the app to its error handler, which can save and answer", async () => {
    const store = new MemStore({ cleanupIntervalMs: 0 });
    const sessions = new SessionManager<Values>({ store });
    const app = express().use(sessions.middleware());
    app.get("/", () => {
      throw new Error("broken");
    });
    app.use(((error: Error, req: IncomingMessage, res: express.Response, _next: () => void) => {
      sessions.get(req).set("lastError", error.message);
      res.status(418).send("sorry");
    }) as express.ErrorRequestHandler);
    await using server = await serve(app);
    const visitor = new Visitor(server.url);
    expect(await visitor.get()).toMatchObject({ status: 418, body: "sorry" });
    expect((await sessions.load(visitor.token)).get("lastError")).toBe("broken");
    await store[Symbol.asyncDispose]();
  });
});

describe("two managers on one request", () => {
  const open = async (failing: { one?: boolean; other?: boolean } = {}) => {
    const stores = [new MemStore({ cleanupIntervalMs: 0 }), new MemStore({ cleanupIntervalMs: 0 })] as const;
    const errors: Error[] = [];
    const managers = stores.map(
      (store, at) =>
        new SessionManager<Values>({
          store,
          cookie: { name: `__Host-${["one", "other"][at]}` },
          onError: (error) => errors.push(error),
        }),
    ) as [SessionManager<Values>, SessionManager<Values>];
    for (const [at, name] of (["one", "other"] as const).entries()) {
      const store = stores[at] as MemStore;
      if (failing[name]) store.replace = () => Promise.reject(new Error(`${name} failed`));
    }
    const app = connect();
    for (const manager of managers) app.use(manager.middleware());
    app.use(((req, res) => {
      if (req.url !== "/other") managers[0].get(req).set("a", 1);
      if (req.url !== "/one") managers[1].get(req).set("b", 2);
      res.write("body");
      res.end();
    }) as RequestListener);
    const server = await serve(app);
    return {
      ...{ visitor: new Visitor(server.url), stores, errors },
      [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
    };
  };

  it.each([
    ["/both", ["__Host-one", "__Host-other"]],
    ["/one", ["__Host-one"]],
    ["/other", ["__Host-other"]],
  ])("save what each has, and set the cookies of both: %s", async (path, names) => {
    await using app = await open();
    const { body, setCookies } = await app.visitor.get(path);
    expect(body).toBe("body");
    expect(setCookies.map((cookie) => cookie.split("=")[0]).sort()).toEqual(names);
    expect(app.stores.map((store) => store.size)).toEqual([
      Number(names.includes("__Host-one")),
      Number(names.includes("__Host-other")),
    ]);
    expect(app.errors).toEqual([]);
  });

  it.each([
    [{ one: true }, ["one failed"]],
    [{ other: true }, ["other failed"]],
    [{ one: true, other: true }, ["one failed", "other failed"]],
  ])("answer with a 500 if %o fails, and never not at all", async (failing, messages) => {
    await using app = await open(failing);
    const { status, body } = await app.visitor.get();
    expect(status).toBe(500);
    expect(body).toBe("Internal Server Error\n");
    expect(app.errors.map(({ message }) => message).sort()).toEqual(messages);
  });
});
