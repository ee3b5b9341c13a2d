import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { SessionManager } from "@scs/session";
import express from "express";
import expressSession from "express-session";
import type { Environment } from "./contender.js";
import type { HttpContender, Route, Stack } from "./http-contender.js";
import { openForExpress } from "./peers.js";
import { findStore } from "./stores.js";

const IDLE_TIMEOUT_MS = 1_800_000;
/** What the routes `read` and `idle` answer. */
export const ANSWERS = { withSession: "visit 0 of Ada Lovelace", without: "visit 0 of nobody" } as const;

/** What every contender's session holds. */
interface Values {
  user: { id: string; name: string; roles: string[] };
  csrf: string;
  count: number;
}
type Handler = (req: IncomingMessage, res: ServerResponse) => void;
type Middleware = (req: IncomingMessage, res: ServerResponse, next: () => void) => void;

/** What an app reads and changes, wherever its session is kept. */
interface Access {
  get<K extends keyof Values>(key: K): Values[K] | undefined;
  set<K extends keyof Values>(key: K, value: Values[K]): void;
}

function answer(session: Access, req: IncomingMessage, res: ServerResponse): void {
  if (req.url === "/login") {
    session.set("user", { id: "8c1f0b52-f6a2", name: "Ada Lovelace", roles: ["customer", "editor"] });
    session.set("csrf", "Q2hhbmdlIG1lIHBsZWFzZQ".repeat(2));
    session.set("count", 0);
  }
  const count = session.get("count") ?? 0;
  if (req.url === "/modify") session.set("count", count + 1);
  res.end(`visit ${count} of ${session.get("user")?.name ?? "nobody"}`);
}

interface Parts {
  middleware?: Middleware;
  handler: Handler;
  close(): Promise<void>;
}

async function withManager(
  { backend, asyncContext, touches }: HttpContender,
  route: Route,
  environment: Environment,
): Promise<Parts> {
  const store = await findStore(backend).open(environment, { cleanupIntervalMs: 0 });
  const sessions = new SessionManager<Values>({
    ...{ store, cookie: { secure: false }, asyncContext },
    ...(route === "idle" && { idleTimeoutMs: IDLE_TIMEOUT_MS }),
    ...(touches === "always" && { touchAfterMs: 0 }),
  });
  return {
    middleware: sessions.middleware(),
    handler: (req, res) => answer(sessions.get(req), req, res),
    close: async () => store[Symbol.asyncDispose](),
  };
}

async function withExpressSession(
  { backend, touches }: HttpContender,
  route: Route,
  environment: Environment,
): Promise<Parts> {
  const { store, close } = await openForExpress(backend, environment);
  // What connect-pg-simple calls `disableTouch`: express-session looks whether there is one.
  if (touches === "never") Object.assign(store, { touch: undefined });
  const cookie = {
    httpOnly: true,
    sameSite: "lax",
    ...(route === "idle" && { maxAge: IDLE_TIMEOUT_MS }),
  } as const;
  const options = { secret: "a secret of the bench", resave: false, saveUninitialized: false, cookie, store };
  return {
    middleware: expressSession(options) as unknown as Middleware,
    handler: (req, res) => {
      const data = (req as unknown as { session: Partial<Values> }).session;
      const set = <K extends keyof Values>(key: K, value: Values[K]) =>
        void Object.assign(data, { [key]: value });
      answer({ get: (key) => data[key], set }, req, res);
    },
    close,
  };
}

function partsOf(contender: HttpContender, route: Route, environment: Environment): Promise<Parts> {
  if (contender.keeper === "@scs/session") return withManager(contender, route, environment);
  if (contender.keeper === "express-session") return withExpressSession(contender, route, environment);
  const handler: Handler = (_req, res) => void res.end(ANSWERS.without);
  return Promise.resolve({ handler, close: async () => undefined });
}

/** Makes the contender's application, of one stack; `close` is for its store. */
export async function makeApp(
  contender: HttpContender,
  { stack, route }: { stack: Stack; route: Route },
  environment: Environment,
): Promise<{ server: Server; close(): Promise<void> }> {
  const { middleware, handler, close } = await partsOf(contender, route, environment);
  if (stack === "Express 5") {
    const app = express().disable("x-powered-by").disable("etag");
    if (middleware !== undefined) app.use(middleware as never);
    return { server: createServer(app.use(handler as never) as RequestListener), close };
  }
  if (middleware === undefined) return { server: createServer(handler), close };
  return { server: createServer((req, res) => middleware(req, res, () => handler(req, res))), close };
}
