import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:http";
import type { FullStore } from "@scs/core";
import compression from "compression";
import cookieParser from "cookie-parser";
import { doubleCsrf } from "csrf-csrf";
import { csrfSync } from "csrf-sync";
import express from "express";
import { rateLimit } from "express-rate-limit";
import { createProxyMiddleware } from "http-proxy-middleware";
import { Server } from "socket.io";
import { io, type Socket } from "socket.io-client";
import { describe, expect, it } from "vitest";
import session, { type SessionHandler } from "../src/index.js";
import { views } from "./fixtures/app.js";
import { backends } from "./fixtures/backends.js";
import { Browser } from "./fixtures/browser.js";
import { nestApp } from "./fixtures/nest-app.js";
import { usePostgres } from "./fixtures/postgres.js";
import { serve } from "./fixtures/serve.js";

const url = usePostgres();

const sessionOn = (store: FullStore, options = {}): SessionHandler =>
  session({ secret: "keyboard cat", resave: false, saveUninitialized: false, store, ...options });

const status: express.ErrorRequestHandler = (error, _req, res, _next) => {
  res.status(error.statusCode ?? error.status ?? 500).end();
};

describe.each(Object.entries(backends))("on %s", (_name, open) => {
  it.each([true, false])(
    "csrf-csrf binds its token to req.sessionID (saveUninitialized: %s)",
    async (saveUninitialized) => {
      await using opened = await open(url());
      const { doubleCsrfProtection, generateCsrfToken } = doubleCsrf({
        getSecret: () => "another secret",
        getSessionIdentifier: (req) => req.session.id,
        cookieName: "csrf",
        cookieOptions: { secure: false },
      });
      const app = express().use(sessionOn(opened.store, { saveUninitialized })).use(cookieParser());
      app.get("/form", (req, res) => {
        if (!saveUninitialized) req.session.begun = true;
        res.send(generateCsrfToken(req, res));
      });
      app.post("/form", doubleCsrfProtection, (req, res) => {
        req.session.posts = (req.session.posts ?? 0) + 1;
        res.json(req.session.posts);
      });
      await using served = await serve(app.use(status));
      const [browser, other] = [new Browser(served.url), new Browser(served.url)];
      const token = (await browser.get("/form")).text;
      for (const posts of [1, 2]) {
        expect((await browser.post("/form", {}, { "x-csrf-token": token })).json()).toBe(posts);
      }
      expect((await browser.post("/form")).status).toBe(403);
      await other.get("/form");
      expect((await other.post("/form", {}, { "x-csrf-token": token })).status).toBe(403);
    },
  );

  it("csrf-sync stores its token in the session", async () => {
    await using opened = await open(url());
    const { csrfSynchronisedProtection, generateToken } = csrfSync();
    const app = express().use(sessionOn(opened.store)).use(csrfSynchronisedProtection);
    app.get("/form", (req, res) => res.send(generateToken(req)));
    app.post("/form", (_req, res) => res.send("posted"));
    await using served = await serve(app.use(status));
    const browser = new Browser(served.url);
    const token = (await browser.get("/form")).text;
    expect((await browser.get("/form")).text).toBe(token);
    expect((await browser.post("/form", {}, { "x-csrf-token": token })).text).toBe("posted");
    expect((await browser.post("/form", {}, { "x-csrf-token": `${token}x` })).status).toBe(403);
  });

  it("express-rate-limit counts by req.sessionID", async () => {
    await using opened = await open(url());
    const limit = rateLimit({ limit: 2, windowMs: 3_600_000, keyGenerator: (req) => req.sessionID });
    const app = express()
      .use(sessionOn(opened.store))
      .get("/", views["/"] as never);
    app.get("/limited", limit, (_req, res) => res.send("here you are"));
    await using served = await serve(app);
    for (const browser of [new Browser(served.url), new Browser(served.url)]) {
      await browser.get("/");
      const answers = [];
      for (let times = 0; times < 3; times++) answers.push((await browser.get("/limited")).status);
      expect(answers).toEqual([200, 200, 429]);
    }
  });

  it.each(["before", "after"])("compression works %s the sessions", async (place) => {
    await using opened = await open(url());
    const app = express();
    const compress = compression({ threshold: 0 });
    if (place === "before") app.use(compress).use(sessionOn(opened.store));
    else app.use(sessionOn(opened.store)).use(compress);
    const text = "compress me ".repeat(5000);
    app.get("/", (req, res) => {
      req.session.views = (req.session.views ?? 0) + 1;
      res.type("text").send(`${req.session.views} ${text}`);
    });
    await using served = await serve(app);
    const browser = new Browser(served.url);
    for (const views of [1, 2]) {
      const answer = await browser.get("/");
      expect(answer.headers.get("content-encoding")).toMatch(/^(br|gzip)$/);
      expect(answer.text).toBe(`${views} ${text}`);
    }
  });

  it("http-proxy-middleware passes bodies and the session's cookie through", async () => {
    await using opened = await open(url());
    const body = randomBytes(300_000).toString("base64");
    await using target = await serve((req, res) => {
      res.setHeader("Set-Cookie", "of-target=1");
      req.pipe(res);
    });
    const app = express()
      .use(sessionOn(opened.store))
      .get("/", views["/"] as never);
    app.use("/proxied", (req, _res, next) => {
      req.session.proxied = (req.session.proxied ?? 0) + 1;
      next();
    });
    app.use("/proxied", createProxyMiddleware({ target: target.url }));
    app.get("/count", (req, res) => res.json(req.session.proxied));
    await using served = await serve(app);
    const browser = new Browser(served.url);
    const answer = await browser.post("/proxied/echo", { body });
    expect(answer.text).toBe(new URLSearchParams({ body }).toString());
    expect(answer.setCookies).toEqual(["of-target=1", expect.stringMatching(/^connect\.sid=/)]);
    await browser.post("/proxied/echo", { body });
    expect((await browser.get("/count")).json()).toBe(2);
  });

  it.each(["websocket", "polling"])("Socket.IO's engine.use shares the session, by %s", async (transport) => {
    await using opened = await open(url());
    const handler = sessionOn(opened.store);
    const app = express().use(handler);
    app.get("/login", (req, res) => {
      req.session.user = "ada";
      res.end();
    });
    app.get("/count", (req, res) => res.json(req.session.count ?? 0));
    app.get("/logout", (req, res) => {
      req.session.destroy(() => res.end());
    });
    const server = createServer(app);
    const sockets = new Server(server);
    sockets.engine.use(handler);
    sockets.on("connection", (socket) => {
      const req = socket.request as express.Request;
      socket.emit("user", req.session.user ?? null);
      socket.on("count", (done) => {
        req.session.reload((missing) => {
          if (missing) return done(missing.message);
          req.session.count = (req.session.count ?? 0) + 1;
          req.session.save((error) => done(error?.message ?? req.session.count));
        });
      });
    });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const address = `http://127.0.0.1:${(server.address() as { port: number }).port}`;
    const browser = new Browser(address);
    await browser.get("/login");
    const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join("; ");
    const socket: Socket = io(address, {
      transports: [transport],
      extraHeaders: { cookie },
      reconnection: false,
    });
    const [user] = await new Promise<unknown[]>((resolve) => socket.once("user", (...args) => resolve(args)));
    expect(user).toBe("ada");
    expect(await socket.emitWithAck("count")).toBe(1);
    expect((await browser.get("/count")).json()).toBe(1);
    expect(await socket.emitWithAck("count")).toBe(2);
    await browser.get("/logout");
    expect(await socket.emitWithAck("count")).toBe("failed to load session");
    socket.close();
    await sockets.close();
  });

  it("Socket.IO's middleware with an empty response loads the session", async () => {
    await using opened = await open(url());
    const handler = sessionOn(opened.store);
    await using served = await serve(
      express()
        .use(handler)
        .get("/", views["/"] as never),
    );
    const browser = new Browser(served.url);
    await browser.get("/");
    const cookie = `connect.sid=${browser.cookies.get("connect.sid")}`;
    const req = { headers: { cookie }, url: "/socket.io/" } as express.Request;
    await new Promise((resolve) => handler(req, {} as never, resolve));
    expect(req.session.views).toBe(1);
    req.session.views = 5;
    await req.session.save();
    expect((await browser.get("/")).json()).toMatchObject({ views: 6 });
  });

  it("@nestjs/passport logs in and out, and guards", async () => {
    await using opened = await open(url());
    await using app = await nestApp(sessionOn(opened.store));
    const browser = new Browser(app.url);
    expect((await browser.get("/me")).status).toBe(403);
    expect((await browser.post("/login", { username: "ada", password: "wrong" })).status).toBe(401);
    expect((await browser.post("/login", { username: "ada", password: "lovelace" })).status).toBe(201);
    expect((await browser.get("/me")).json()).toEqual({ user: { id: "1" }, visits: 1 });
    expect((await browser.get("/me")).json()).toEqual({ user: { id: "1" }, visits: 2 });
    const stolen = browser.clone();
    await browser.post("/logout");
    for (const each of [browser, stolen]) expect((await each.get("/me")).status).toBe(403);
  });
});
