import { refuse } from "../http/framework-advice.js";
import type { SessionManager } from "../session-manager.js";
import { type FetchRequest, withSession } from "./fetch.js";

/** Astro's context, as far as the middleware uses it. */
export interface AstroContextLike {
  request: FetchRequest;
  locals: object;
  /** Whether the page is rendered in the build, for all visitors. */
  isPrerendered?: boolean;
}

/**
 * Makes middleware for Astro, in `src/middleware.ts`: `export const onRequest = astroSessions(sessions)`. It sets
 * `Astro.locals.session` to the session of the request, but not for pages that are rendered in the build. Declare its
 * type once, in `src/env.d.ts`:
 *
 *     declare namespace App { interface Locals { session: Session<MyValues> } }
 *
 * The session is saved before the response leaves. Astro streams pages: change a session in middleware, in an action,
 * in an endpoint or in the frontmatter of the page. A component below the page may run after the save.
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
