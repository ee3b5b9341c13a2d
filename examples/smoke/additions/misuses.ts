import type { SessionManager } from "@scs/session";
import { astroSessions } from "@scs/session/astro";
import { fastifySessions } from "@scs/session/fastify";
import { fetchHandler } from "@scs/session/fetch";
import { h3Sessions } from "@scs/session/h3";
import { honoSessions } from "@scs/session/hono";
import { koaSessions } from "@scs/session/koa";
import { reactRouterSessions } from "@scs/session/react-router";
import { svelteKitSessions } from "@scs/session/sveltekit";

/**
 * Calls each handler of the package with the arguments of another framework.
 *
 * @returns the message of the error of each; handlers that accept the arguments are left out.
 */
export async function misuses<T extends object, D>(
  sessions: SessionManager<T, D>,
  args: readonly unknown[],
): Promise<Record<string, string>> {
  const handlers = {
    "sessions.middleware()": sessions.middleware(),
    koaSessions: koaSessions(sessions),
    honoSessions: honoSessions(sessions),
    fastifySessions: fastifySessions(sessions),
    fetchHandler: fetchHandler(sessions, () => new Response("accepted")),
    h3Sessions: h3Sessions(sessions),
    svelteKitSessions: svelteKitSessions(sessions),
    astroSessions: astroSessions(sessions),
    sessionMiddleware: reactRouterSessions(sessions).sessionMiddleware,
  };
  const messages: Record<string, string> = {};
  for (const [name, handler] of Object.entries(handlers)) {
    try {
      await (handler as (...args: readonly unknown[]) => unknown)(...args);
    } catch (error) {
      messages[name] = (error as Error).message;
    }
  }
  return messages;
}
