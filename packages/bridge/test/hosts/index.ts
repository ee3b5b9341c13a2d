import type { Host } from "../fixtures/host.js";
import { expressSession } from "./express-session.js";
import { fastifySessions } from "./fastify-session.js";
import { honoSessions } from "./hono-sessions.js";
import { koaSession } from "./koa-session.js";
import { reactRouter } from "./react-router.js";

const HOUR_MS = 3_600_000;

/** Every host in its usual configurations: the defaults, and options that change when it saves. */
export const hosts: Host[] = [
  expressSession("express-session", {}),
  expressSession("express-session with resave and rolling", {
    ...{ resave: true, rolling: true, saveUninitialized: true, cookie: { maxAge: HOUR_MS } },
  }),
  fastifySessions("@fastify/session", {}),
  fastifySessions("@fastify/session without rolling", {
    ...{ rolling: false, saveUninitialized: false, cookie: { secure: false, maxAge: HOUR_MS } },
  }),
  koaSession("koa-session", {}),
  koaSession("koa-session with rolling", { rolling: true, maxAge: HOUR_MS }),
  koaSession("koa-session until the browser is closed", { maxAge: "session" }),
  honoSessions("hono-sessions", {}),
  honoSessions("hono-sessions with an expiry", { expireAfterSeconds: 3600, encryptionKey: "k".repeat(32) }),
  reactRouter,
];
