import { once } from "node:events";
import Koa from "koa";
import { describe, expect, expectTypeOf, it } from "vitest";
import { koaSessions, type SessionContext } from "../src/adapters/koa.js";
import { SessionManager } from "../src/index.js";
import { RawClient } from "./fixtures/raw-client.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { serve, type Values } from "./fixtures/running-app.js";
import { RunningManager } from "./fixtures/running-manager.js";
import { Signal } from "./fixtures/signal.js";
import { Visitor } from "./fixtures/visitor.js";

type Act = (ctx: Koa.Context, reached: Signal) => Promise<void>;

const isClosed = (ctx: Koa.Context) => once(ctx.res, "close");

const endings: [name: string, outer: Act, inner: Act][] = [
  [
    "responds afterwards",
    async () => undefined,
    async (ctx, reached) => {
      reached.give();
      await isClosed(ctx);
      ctx.body = "logged out";
    },
  ],
  [
    "throws afterwards",
    async () => undefined,
    async (ctx, reached) => {
      reached.give();
      await isClosed(ctx);
      throw new Error("the app broke");
    },
  ],
  [
    "has responded but the middleware above it has not",
    async (ctx, reached) => {
      reached.give();
      await isClosed(ctx);
    },
    async (ctx) => {
      ctx.body = "logged out";
    },
  ],
];

describe("under Koa, if the client disconnects before the response", () => {
  it.each(endings)("a log-out is saved, even if the handler %s", async (_, outer, inner) => {
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

describe("ctx.session", () => {
  it("is the session, typed by the app's context, and null destroys it", async () => {
    await using running = new RunningManager();
    const app = new Koa<Koa.DefaultState, SessionContext<{ userId: string }>>();
    app.use(koaSessions(running.sessions));
    app.use(async (ctx) => {
      expectTypeOf(ctx.session.get("userId")).toEqualTypeOf<string | undefined>();
      expect(ctx.session).toBe(running.sessions.get(ctx));
      if (ctx.path === "/login") ctx.session.set("userId", "u1");
      if (ctx.path === "/logout") ctx.session = null as never;
      ctx.body = String(ctx.session.get("userId"));
    });
    await using server = await serve(app.callback());
    const visitor = new Visitor(server.url);
    await visitor.get("/login");
    expect((await visitor.get()).body).toBe("u1");
    expect((await visitor.get("/logout")).setCookies).toEqual([expect.stringContaining("Max-Age=0")]);
    expect(await running.store.contents()).toEqual([]);
  });

  it("cannot be replaced, and the error says what to do", async () => {
    await using running = new RunningManager();
    const app = new Koa<Koa.DefaultState, SessionContext>();
    app.use(koaSessions(running.sessions));
    app.use((ctx) => {
      expect(() => {
        ctx.session = { userId: "u1" } as never;
      }).toThrow("ctx.session.set(key, value)");
      ctx.body = "body";
    });
    await using server = await serve(app.callback());
    expect((await fetch(server.url)).status).toBe(200);
  });
});
