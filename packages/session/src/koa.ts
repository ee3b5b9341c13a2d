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
  return (ctx, next) =>
    new Promise((resolve, reject) => {
      handle(ctx.req, ctx.res, (error?: unknown) => {
        if (error !== undefined) return reject(error);
        requestsOf(sessions).alias(ctx, ctx.req);
        next().then(() => resolve(), reject);
      });
    });
}
