import { once } from "node:events";
import Koa from "koa";
import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { koaSessions } from "../src/koa.js";
import { RawClient } from "./fixtures/raw-client.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { serve, type Values } from "./fixtures/running-app.js";
import { Signal } from "./fixtures/signal.js";
import { Visitor } from "./fixtures/visitor.js";

type Act = (ctx: Koa.Context, reached: Signal) => Promise<void>;

const isClosed = (ctx: Koa.Context) => once(ctx.res, "close");

const endings: [name: string, outer: Act, inner: Act][] = [
  [
    "answers",
    async () => undefined,
    async (ctx, reached) => {
      reached.give();
      await isClosed(ctx);
      ctx.body = "logged out";
    },
  ],
  [
    "throws",
    async () => undefined,
    async (ctx, reached) => {
      reached.give();
      await isClosed(ctx);
      throw new Error("the app broke");
    },
  ],
  [
    "has answered, and the middleware above it has not",
    async (ctx, reached) => {
      reached.give();
      await isClosed(ctx);
    },
    async (ctx) => {
      ctx.body = "logged out";
    },
  ],
];

describe("under Koa, a client that is gone before the answer", () => {
  it.each(endings)("keeps no log-out from being carried out: the handler %s", async (_, outer, inner) => {
    const store = new RecordingStore();
    const errors: Error[] = [];
    const sessions = new SessionManager<Values>({ store, onError: (error) => errors.push(error) });
    const reached = new Signal();
    const app = new Koa();
    app.silent = true;
    app.use(async (ctx, next) => {
      await next();
      if (ctx.path === "/logout") await outer(ctx, reached);
    });
    app.use(koaSessions(sessions));
    app.use(async (ctx) => {
      const session = sessions.get(ctx);
      if (ctx.path === "/login") session.set("userId", "u1");
      if (ctx.path === "/logout") {
        session.destroy();
        await inner(ctx, reached);
      } else ctx.body = "here";
    });
    await using server = await serve(app.callback());
    const visitor = new Visitor(server.url);
    await visitor.get("/login");
    expect(await store.contents()).toEqual([{ userId: "u1" }]);
    const end = store.pause("replace");
    const cookie = [...visitor.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const client = await RawClient.request(server.url, "/logout", { method: "POST", cookie });
    await reached.given;
    client[Symbol.dispose]();
    await end.reached;
    end.release();
    expect((await visitor.get()).body).toBe("here");
    expect(await store.contents()).toEqual([]);
    expect(errors).toEqual([]);
    await store[Symbol.asyncDispose]();
  });
});
