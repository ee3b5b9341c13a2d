import type { IncomingMessage, ServerResponse } from "node:http";
import { requestsOf, type SessionManager } from "./session-manager.js";

/** What is read of a Koa context. */
export interface KoaContext {
  req: IncomingMessage;
  res: ServerResponse;
}

/**
 * Middleware for Koa: `app.use(koaSessions(sessions))`. From there on, `sessions.get(ctx)` is the session of the
 * request; it is saved before the first byte of the response leaves. A store that fails on load is an error for
 * Koa to handle; one that fails on save becomes a 500.
 */
export function koaSessions<T extends object, D>(
  sessions: SessionManager<T, D>,
): (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void> {
  const handle = sessions.middleware();
  const requests = requestsOf(sessions);
  return (ctx, next) =>
    new Promise((resolve, reject) => {
      handle(ctx.req, ctx.res, (error?: unknown) => {
        if (error !== undefined) return reject(error);
        requests.alias(ctx, ctx.req);
        goOn(ctx.res, next, () => requests.opened(ctx.req)?.saveUnsent()).then(resolve, reject);
      });
    });
}

/** To a client that is gone, Koa does not even send the end of the response, before which the session would be saved. */
async function goOn(
  res: ServerResponse,
  next: () => Promise<unknown>,
  saveUnsent: () => Promise<void> | undefined,
): Promise<void> {
  const saveUnlessEnded = () => (res.writableEnded ? undefined : saveUnsent());
  try {
    await next();
  } finally {
    if (res.socket?.writable === false) await saveUnlessEnded();
    else res.once("close", saveUnlessEnded);
  }
}
