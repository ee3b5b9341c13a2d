import { refuse } from "../http/framework-advice.js";
import type { SessionManager } from "../session-manager.js";
import { type FetchRequest, withSession } from "./fetch.js";

/** What is asked of SvelteKit's event. */
export interface SvelteKitEventLike {
  request: FetchRequest;
  locals: object;
}

/** What SvelteKit passes to `handle`. */
export interface SvelteKitHandleInput<E extends SvelteKitEventLike> {
  event: E;
  resolve(event: E): Response | Promise<Response>;
}

/**
 * A hook for SvelteKit, in `src/hooks.server.ts`: `export const handle = svelteKitSessions(sessions)`. From there on,
 * `event.locals.session` is the session of the request, also in requests that `event.fetch` makes of the app itself.
 * Its type, once in `src/app.d.ts`:
 *
 *     declare global { namespace App { interface Locals { session: Session<MyValues> } } }
 *
 * It is saved before the response leaves. What a streamed promise of `load` changes comes too late.
 */
export function svelteKitSessions<T extends object, D>(
  sessions: SessionManager<T, D>,
): <E extends SvelteKitEventLike>(input: SvelteKitHandleInput<E>) => Promise<Response> {
  return (input) => {
    const { event, resolve } = input ?? {};
    if (typeof event?.request?.headers?.get !== "function" || typeof resolve !== "function")
      return refuse("svelteKitSessions(sessions)", "SvelteKit's handle", [input]);
    return withSession(sessions, event.request, (session) => {
      Object.assign(event.locals, { session });
      return resolve(event);
    });
  };
}
