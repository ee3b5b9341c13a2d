import { request } from "node:http";
import express from "express";
import { fastify } from "fastify";
import Koa from "koa";
import { describe, expect, it } from "vitest";
import { fastifySessions } from "../src/adapters/fastify.js";
import { koaSessions } from "../src/adapters/koa.js";
import { SessionManager } from "../src/index.js";
import { madeUpToken } from "./fixtures/made-up-token.js";
import { RecordingStore } from "./fixtures/recording-store.js";
import { type Handler, run, serve, type Values } from "./fixtures/running-app.js";
import { stored } from "./fixtures/stored-session.js";
import { Visitor } from "./fixtures/visitor.js";

const logIn: Handler = (session, res, req) => {
  if (req.url === "/login") session.set("userId", "u1");
  res.end(String(session.get("userId")));
};

const pairs = (tokens: string[]) => tokens.map((token) => `__Host-session=${token}`).join("; ");

describe("several cookies of the session's name", () => {
  it.each([
    ["the known one last", (token: string) => [madeUpToken("A"), token], ["find", "find"]],
    ["the known one first", (token: string) => [token, madeUpToken("A")], ["find"]],
    ["malformed ones before", (token: string) => ["x", "", "%", token], ["find"]],
    ["none known", () => [madeUpToken("A"), madeUpToken("B")], ["find", "find"]],
  ])("are tried in turn: %s", async (_, tokensOf, calls) => {
    await using app = await run(logIn);
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    app.store.takeCalls();
    const tokens = tokensOf(visitor.token as string);
    const response = await fetch(app.url, { headers: { cookie: pairs(tokens) } });
    expect(await response.text()).toBe(tokens.includes(visitor.token as string) ? "u1" : "undefined");
    expect(app.store.takeCalls()).toEqual(calls);
  });

  it("are tried after any number of malformed ones", async () => {
    await using app = await run(logIn);
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    app.store.takeCalls();
    const malformed = Array.from({ length: 40 }, (_, at) => String(at));
    const cookie = pairs([...malformed, visitor.token as string]);
    expect(await (await fetch(app.url, { headers: { cookie } })).text()).toBe("u1");
    expect(app.store.takeCalls()).toEqual(["find"]);
  });

  it("that are malformed emit events, but not each of many", async () => {
    await using app = await run(logIn);
    const told: boolean[] = [];
    app.sessions.on("unknown", ({ isMalformed }) => told.push(isMalformed));
    const malformed = Array.from({ length: 40 }, (_, at) => String(at));
    await (await fetch(app.url, { headers: { cookie: pairs([...malformed, madeUpToken("A")]) } })).text();
    expect(told).toEqual([true, true, true, true, false]);
  });

  it("are tried up to the fourth", async () => {
    await using app = await run(logIn);
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    app.store.takeCalls();
    const letters = [..."ABCDEFGHIJKLMNOPQRSTUVWXYZ"];
    const cookie = pairs([...letters.map((letter) => madeUpToken(letter)), visitor.token as string]);
    expect(await (await fetch(app.url, { headers: { cookie } })).text()).toBe("undefined");
    expect(app.store.takeCalls()).toEqual(["find", "find", "find", "find"]);
  });

  it("that only end or begin with its name are ignored", async () => {
    await using app = await run(logIn, { cookie: { secure: false } });
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    app.store.takeCalls();
    const token = visitor.cookies.get("session");
    for (const cookie of [
      `mysession=${token}`,
      `sessions=${token}`,
      `x=session=${token}`,
      `x=session; session`,
    ]) {
      expect(await (await fetch(app.url, { headers: { cookie } })).text()).toBe("undefined");
    }
    expect(app.store.takeCalls()).toEqual([]);
    const cookie = `mysession=a; xsession=session; session=${token}; sessions=b`;
    expect(await (await fetch(app.url, { headers: { cookie } })).text()).toBe("u1");
  });
});

describe("a large Cookie header", () => {
  it.each([
    ["of one large cookie", (token: string) => `big=${"x".repeat(7000)}; __Host-session=${token}`],
    ["of many small ones", (token: string) => `${"__Host-session; ".repeat(400)}__Host-session=${token}`],
  ])("is read: %s", async (_, header) => {
    await using app = await run(logIn);
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    const cookie = header(visitor.token as string);
    expect(await (await fetch(app.url, { headers: { cookie } })).text()).toBe("u1");
  });

  it("above the limit of Node.js is refused before the middleware runs", async () => {
    await using app = await run(logIn);
    const status = await new Promise((resolve, reject) => {
      const headers = { cookie: `__Host-session=${"A".repeat(20_000)}` };
      request(app.url, { headers }, (response) => resolve(response.resume().statusCode))
        .on("error", reject)
        .end();
    });
    expect(status).toBe(431);
    expect(app.store.calls).toEqual([]);
  });
});

describe('cookie.secure: "auto"', () => {
  const secureAfter = async (headers: Record<string, string>, options: { trustProxy?: boolean }) => {
    await using app = await run(logIn, { cookie: { secure: "auto" }, ...options });
    const [cookie] = (await fetch(`${app.url}/login`, { headers })).headers.getSetCookie();
    expect(cookie).toMatch(/^session=/);
    return cookie?.includes("; Secure");
  };

  it("trusts X-Forwarded-Proto only with trustProxy", async () => {
    const forwarded = (proto: string) => ({ "x-forwarded-proto": proto });
    expect(await secureAfter({}, {})).toBe(false);
    expect(await secureAfter(forwarded("https"), {})).toBe(false);
    expect(await secureAfter(forwarded("https"), { trustProxy: true })).toBe(true);
    expect(await secureAfter(forwarded("HTTPS, http"), { trustProxy: true })).toBe(true);
    expect(await secureAfter(forwarded("http, https"), { trustProxy: true })).toBe(false);
    expect(await secureAfter({}, { trustProxy: true })).toBe(false);
  });

  it.each([true, false])("uses the trust proxy of Express: %s", async (trust) => {
    await using store = new RecordingStore();
    const sessions = new SessionManager<Values>({ store, cookie: { secure: "auto" } });
    const app = express().set("trust proxy", trust).use(sessions.middleware());
    app.use((req, res) => {
      sessions.get(req).set("userId", "u1");
      res.end();
    });
    await using server = await serve(app);
    const response = await fetch(server.url, { headers: { "x-forwarded-proto": "https" } });
    expect(response.headers.getSetCookie().join().includes("; Secure")).toBe(trust);
  });

  it.each([true, false])("uses the proxy setting of Koa: %s", async (proxy) => {
    await using store = new RecordingStore();
    const sessions = new SessionManager<Values>({ store, cookie: { secure: "auto" } });
    const app = new Koa({ proxy });
    app.use(koaSessions(sessions));
    app.use((ctx) => {
      sessions.get(ctx).set("userId", "u1");
      ctx.body = "body";
    });
    await using server = await serve(app.callback());
    const response = await fetch(server.url, { headers: { "x-forwarded-proto": "https" } });
    expect(response.headers.getSetCookie().join().includes("; Secure")).toBe(proxy);
  });

  it.each([true, false])("uses the trustProxy of Fastify: %s", async (trustProxy) => {
    await using store = new RecordingStore();
    const sessions = new SessionManager<Values>({ store, cookie: { secure: "auto" } });
    const app = fastify({ trustProxy });
    await app.register(fastifySessions(sessions));
    app.get("/", async (request) => {
      sessions.get(request).set("userId", "u1");
      return "body";
    });
    const { headers } = await app.inject({ url: "/", headers: { "x-forwarded-proto": "https" } });
    expect(String(headers["set-cookie"]).includes("; Secure")).toBe(trustProxy);
    await app.close();
  });

  it("is Secure for a commit outside of a request", async () => {
    await using app = await stored({});
    const sessions = new SessionManager<Values>({ store: app.store, cookie: { secure: "auto" } });
    const session = await sessions.load(undefined);
    expect(String(await sessions.commit(session.set("a", 1)))).toContain("; Secure");
  });
});

it("secure: true sets the cookie behind an unknown proxy", async () => {
  await using app = await run(logIn);
  const [cookie] = (await fetch(`${app.url}/login`)).headers.getSetCookie();
  expect(cookie).toContain("; Secure");
});
