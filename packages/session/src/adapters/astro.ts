import { refuse } from "../http/framework-advice.js";
import type { SessionManager } from "../session-manager.js";
import { type FetchRequest, withSession } from "./fetch.js";

/** What is asked of Astro's context. */
export interface AstroContextLike {
  request: FetchRequest;
  locals: object;
  /** Whether the page is made in advance, for all visitors. */
  isPrerendered?: boolean;
}

/**
 * Middleware for Astro, in `src/middleware.ts`: `export const onRequest = astroSessions(sessions)`. From there on,
 * `Astro.locals.session` is the session of the request; pages that are made in advance have none. Its type, once in
 * `src/env.d.ts`:
 *
 *     declare namespace App { interface Locals { session: Session<MyValues> } }
 *
 * It is saved before the response leaves. Astro streams pages: change a session in middleware, actions, endpoints or the
 * frontmatter of the page; in a component below, it may be too late.
 */
export function astroSessions<T extends object, D>(
  sessions: SessionManager<T, D>,
): (context: AstroContextLike, next: () => Promise<Response>) => Promise<Response> {
  return (context, next) => {
    if (context?.locals === undefined || typeof next !== "function")
      return refuse("astroSessions(sessions)", "Astro's onRequest", [context, next]);
    if (context.isPrerendered === true) return next();
    return withSession(sessions, context.request, (session) => {
      Object.assign(context.locals, { session });
      return next();
    });
  };
}
