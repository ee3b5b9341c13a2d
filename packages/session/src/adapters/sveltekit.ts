import { refuse } from "../http/framework-advice.js";
import type { SessionManager } from "../session-manager.js";
import { type FetchRequest, withSession } from "./fetch.js";

/** SvelteKit's event, as far as the hook uses it. */
export interface SvelteKitEventLike {
  request: FetchRequest;
  locals: object;
}

/** The argument of SvelteKit's `handle`. */
export interface SvelteKitHandleInput<E extends SvelteKitEventLike> {
  event: E;
  resolve(event: E): Response | Promise<Response>;
}

/**
 * Makes a hook for SvelteKit, in `src/hooks.server.ts`: `export const handle = svelteKitSessions(sessions)`. It sets
 * `event.locals.session` to the session of the request; requests that `event.fetch` makes of the app itself share it.
 * Declare its type once, in `src/app.d.ts`:
 *
 *     declare global { namespace App { interface Locals { session: Session<MyValues> } } }
 *
 * Saves the session before the response leaves. A promise that `load` streams cannot change it any more.
 */
export function svelteKitSessions<T extends object, D>(
  sessions: SessionManager<T, D>,
): <E extends SvelteKitEventLike>(input: SvelteKitHandleInput<E>) => Promise<Response> {
  return (...args) => {
    const [input] = args;
    // First `resolve`: the context of Hono has an `event` too, which throws.
    if (typeof input?.resolve !== "function" || typeof input.event?.request?.headers?.get !== "function")
      return refuse("svelteKitSessions(sessions)", "SvelteKit's handle", args);
    const { event, resolve } = input;
    return withSession(sessions, event.request, (session) => {
      Object.assign(event.locals, { session });
      return resolve(event);
    });
  };
}
