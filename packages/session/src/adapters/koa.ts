import type { IncomingMessage, ServerResponse } from "node:http";
import { refuse } from "../http/framework-advice.js";
import type { Session } from "../session.js";
import { requestsOf, type SessionManager } from "../session-manager.js";

/** What is read of a Koa context. */
export interface KoaContext {
  req: IncomingMessage;
  res: ServerResponse;
}

/** What an app's context has of a session: `new Koa<Koa.DefaultState, SessionContext<MyValues>>()`. */
export interface SessionContext<T extends object = Record<string, unknown>> {
  session: Session<T>;
}

/**
 * Middleware for Koa: `app.use(koaSessions(sessions))`. From there on, `ctx.session` is the session of the request;
 * `ctx.session = null` destroys it. It is saved before the first byte of the response leaves. A store that fails on
 * load is an error for Koa to handle; one that fails on save becomes a 500.
 */
export function koaSessions<T extends object, D>(
  sessions: SessionManager<T, D>,
): (ctx: KoaContext, next: () => Promise<unknown>) => Promise<void> {
  const handle = sessions.middleware();
  const requests = requestsOf(sessions);
  return (ctx, next) => {
    if (ctx?.req === undefined || ctx.res === undefined || typeof next !== "function" || isOther(ctx))
      return refuse("koaSessions(sessions)", "Koa", [ctx, next]);
    return new Promise((resolve, reject) => {
      handle(ctx.req, ctx.res, (error?: unknown) => {
        if (error !== undefined) return reject(error);
        requests.alias(ctx, ctx.req);
        Object.defineProperty(ctx, "session", sessionProperty(sessions));
        goOn(ctx.res, next, () => requests.opened(ctx.req)?.saveUnsent()).then(resolve, reject);
      });
    });
  };
}

/** Whether a context is one of Hono or Express, which have a `req` and a `res` as well. */
function isOther({ req, res }: KoaContext): boolean {
  return typeof req.headers !== "object" || typeof res.end !== "function";
}

function sessionProperty<T extends object, D>(sessions: SessionManager<T, D>): PropertyDescriptor {
  return {
    configurable: true,
    enumerable: true,
    get(this: KoaContext) {
      return sessions.get(this);
    },
    set(this: KoaContext, value: unknown) {
      if (value !== null && value !== undefined) {
        throw new TypeError(
          "ctx.session cannot be replaced: set its values by ctx.session.set(key, value); null destroys it",
        );
      }
      sessions.get(this).destroy();
    },
  };
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
