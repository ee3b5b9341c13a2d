import type { IncomingMessage, ServerResponse } from "node:http";

/** The form that Connect and Express know. For bare `node:http`, `next` is what handles the request. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/** Returns an error with the import that is meant, if this is no call of `node:http`, Connect or Express. */
export function misuseOf(req: unknown, res: unknown, next: unknown): TypeError | undefined {
  if (typeof next === "function" && typeof (res as Partial<ServerResponse> | null)?.end === "function")
    return undefined;
  return new TypeError(
    `sessions.middleware() is for node:http, Connect and Express, which call it with (req, res, next); ${adviceFor(req, res)}`,
  );
}

function adviceFor(first: unknown, second: unknown): string {
  const { req, app, raw, addHook } = (first ?? {}) as Record<string, unknown>;
  if (
    typeof addHook === "function" ||
    (raw !== undefined && (second as { raw?: unknown } | null)?.raw !== undefined)
  ) {
    return 'in Fastify: import { fastifySessions } from "@scs/session/fastify", and await app.register(fastifySessions(sessions))';
  }
  if (typeof req === "object" && app !== undefined) {
    return 'in Koa: import { koaSessions } from "@scs/session/koa", and app.use(koaSessions(sessions))';
  }
  return 'in Hono and others that pass a Request: import { fetchHandler } from "@scs/session/fetch", and serve fetchHandler(sessions, app.fetch)';
}
