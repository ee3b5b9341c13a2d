import { refuse } from "../http/framework-advice.js";
import type { Session } from "../session.js";
import type { SessionManager } from "../session-manager.js";
import { type FetchRequest, withSession } from "./fetch.js";

/** The session among an app's `Variables`: `new Hono<{ Variables: SessionVariables<MyValues> }>()`. */
export interface SessionVariables<T extends object = Record<string, unknown>> {
  session: Session<T>;
}

/** Hono's context, as far as the middleware uses it. */
export interface HonoContextLike {
  req: { raw: FetchRequest };
  // biome-ignore lint/suspicious/noExplicitAny: the types of variables are the app's
  set: (key: any, value: any) => void;
  finalized: boolean;
  get res(): Response;
  set res(response: Response | undefined);
}

/**
 * Makes middleware for Hono: `app.use(honoSessions(sessions))`. In handlers that follow, `c.var.session` is the session
 * of the request, also behind middleware that makes a new request, such as `bodyLimit` and `methodOverride`. The
 * session is saved before the response leaves. If the store fails, the response is a 500, and `onError` is called.
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
    return given as Response; // without a response, Hono reports the handler's mistake
  });
  if (response === given) return;
  c.res = undefined; // otherwise Hono merges the headers of the old response into the new one
  c.res = response;
}
