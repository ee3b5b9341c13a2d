import { refuse } from "../http/framework-advice.js";
import type { Session } from "../session.js";
import type { SessionManager } from "../session-manager.js";
import { type FetchRequest, withSession } from "./fetch.js";

export {
  type RouterCommitOptions,
  type RouterSession,
  type RouterSessionStorage,
  routerSessionStorage,
} from "./router-session-storage.js";

/** A context that React Router's `createContext` makes. */
export interface RouterContextLike<V> {
  defaultValue?: V;
}

/** The arguments of React Router's middleware, as far as it uses them. */
export interface RouterMiddlewareArgs<V> {
  request: FetchRequest;
  context: { set(context: RouterContextLike<V>, value: V): void };
}

/** The sessions of a React Router application. */
export interface RouterSessions<T extends object> {
  /** Key of the session in the context of loaders, actions and middleware: `context.get(sessionContext)`. */
  readonly sessionContext: RouterContextLike<Session<T>>;
  /** Middleware for the root route. */
  readonly sessionMiddleware: (
    args: RouterMiddlewareArgs<Session<T>>,
    next: () => Promise<unknown>,
  ) => Promise<Response>;
}

/**
 * Makes middleware for React Router's framework mode, and the context that holds the session:
 *
 *     export const { sessionMiddleware, sessionContext } = reactRouterSessions(sessions);
 *     export const middleware = [sessionMiddleware]; // in app/root.tsx
 *     const session = context.get(sessionContext); // in a loader or an action
 *
 * Saves the session before the response leaves, for pages, `.data` requests and resource routes.
 */
export function reactRouterSessions<T extends object, D>(sessions: SessionManager<T, D>): RouterSessions<T> {
  const sessionContext: RouterContextLike<Session<T>> = {};
  return {
    sessionContext,
    sessionMiddleware: (args, next) => {
      // First `context`: the request of Next.js has a `request` too, which throws.
      if (typeof args?.context?.set !== "function" || typeof args.request?.headers?.get !== "function")
        return refuse("sessionMiddleware", "React Router", [args, next]);
      return withSession(sessions, args.request, (session) => {
        args.context.set(sessionContext, session);
        return next() as Promise<Response>;
      });
    },
  };
}
