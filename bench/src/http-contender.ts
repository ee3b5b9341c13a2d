import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
  type ServerResponse,
} from "node:http";
import { MemStore } from "@scs/memstore";
import { SessionManager } from "@scs/session";
import express from "express";
import expressSession from "express-session";

export const httpContenders = [
  "no sessions",
  "@scs/session",
  "@scs/session, asyncContext",
  "express-session",
] as const;
export type HttpContender = (typeof httpContenders)[number];
export const stacks = ["node:http", "Express 5"] as const;
export type Stack = (typeof stacks)[number];
export const routes = ["read", "modify", "idle"] as const;
export type Route = (typeof routes)[number];

const IDLE_TIMEOUT_MS = 1_800_000;

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
  res.end(`visit ${count}`);
}

function parts(contender: HttpContender, route: Route): { middleware?: Middleware; handler: Handler } {
  if (contender === "no sessions") return { handler: (_req, res) => void res.end("visit 0") };
  if (contender === "express-session") {
    const cookie = {
      httpOnly: true,
      sameSite: "lax",
      ...(route === "idle" && { maxAge: IDLE_TIMEOUT_MS }),
    } as const;
    const options = { secret: "a secret of the bench", resave: false, saveUninitialized: false, cookie };
    return {
      middleware: expressSession(options) as unknown as Middleware,
      handler: (req, res) => {
        const data = (req as unknown as { session: Partial<Values> }).session;
        const set = <K extends keyof Values>(key: K, value: Values[K]) =>
          void Object.assign(data, { [key]: value });
        answer({ get: (key) => data[key], set }, req, res);
      },
    };
  }
  const sessions = new SessionManager<Values>({
    ...{ store: new MemStore(), cookie: { secure: false }, asyncContext: contender.endsWith("asyncContext") },
    ...(route === "idle" && { idleTimeoutMs: IDLE_TIMEOUT_MS }),
  });
  return { middleware: sessions.middleware(), handler: (req, res) => answer(sessions.get(req), req, res) };
}

/** Serves the contender's app, of one stack. */
export function serverOf(contender: HttpContender, stack: Stack, route: Route): Server {
  const { middleware, handler } = parts(contender, route);
  if (stack === "Express 5") {
    const app = express().disable("x-powered-by").disable("etag");
    if (middleware !== undefined) app.use(middleware as never);
    return createServer(app.use(handler as never) as RequestListener);
  }
  if (middleware === undefined) return createServer(handler);
  return createServer((req, res) => middleware(req, res, () => handler(req, res)));
}
