import type { IncomingMessage, ServerResponse } from "node:http";
import { refuse } from "../http/framework-advice.js";
import type { Session } from "../session.js";
import { requestsOf, type SessionManager } from "../session-manager.js";

/** Koa's context, as far as the middleware uses it. */
export interface KoaContext {
  req: IncomingMessage;
  res: ServerResponse;
}

/** The session in an app's context: `new Koa<Koa.DefaultState, SessionContext<MyValues>>()`. */
export interface SessionContext<T extends object = Record<string, unknown>> {
  session: Session<T>;
}

/**
 * Makes middleware for Koa: `app.use(koaSessions(sessions))`. In middleware that follows, `ctx.session` is the session
 * of the request, and `ctx.session = null` destroys it. The session is saved before the first byte of the response
 * leaves. If the store fails on load, Koa's error handling gets the error; if it fails on save, the response is a 500.
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

/** Returns whether a context is that of Hono or Express, which have `req` and `res` too. */
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
          "ctx.session cannot be replaced: set values with ctx.session.set(key, value), or assign null to destroy it",
        );
      }
      sessions.get(this).destroy();
    },
  };
}

/** Saves the session if the client is gone: Koa then never ends the response, which normally saves it. */
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
