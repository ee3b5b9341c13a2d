import { refuse } from "../http/framework-advice.js";
import type { Session } from "../session.js";
import type { SessionManager } from "../session-manager.js";
import { type FetchRequest, withSession } from "./fetch.js";

/** What an app's `Variables` have of a session: `new Hono<{ Variables: SessionVariables<MyValues> }>()`. */
export interface SessionVariables<T extends object = Record<string, unknown>> {
  session: Session<T>;
}

/** What is asked of Hono's context. */
export interface HonoContextLike {
  req: { raw: FetchRequest };
  // biome-ignore lint/suspicious/noExplicitAny: the types of variables are the app's
  set: (key: any, value: any) => void;
  finalized: boolean;
  get res(): Response;
  set res(response: Response | undefined);
}

/**
 * Middleware for Hono: `app.use(honoSessions(sessions))`. From there on, `c.var.session` is the session of the request,
 * also behind middleware that makes a new request, such as `bodyLimit` and `methodOverride`. It is saved before the
 * response leaves; a store that fails becomes a 500, and an error to `onError`.
 */
export function honoSessions<T extends object, D>(
  sessions: SessionManager<T, D>,
): (c: HonoContextLike, next: () => Promise<void>) => Promise<undefined> {
  return (c, next) => {
    if (typeof c?.req?.raw?.headers?.get !== "function" || typeof c.set !== "function")
      return refuse("honoSessions(sessions)", "Hono", [c, next]);
    return run(sessions, c, next);
  };
}

async function run<T extends object, D>(
  sessions: SessionManager<T, D>,
  c: HonoContextLike,
  next: () => Promise<void>,
): Promise<undefined> {
  let given: Response | undefined;
  const response = await withSession(sessions, c.req.raw, async (session) => {
    c.set("session", session);
    await next();
    if (c.finalized) given = c.res;
    return given as Response; // without one, Hono says what is wrong with the handler
  });
  if (response === given) return;
  c.res = undefined; // Hono would add the headers of this response to those of the next
  c.res = response;
}
