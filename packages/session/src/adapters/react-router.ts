import { refuse } from "../http/framework-advice.js";
import type { Session } from "../session.js";
import type { SessionManager } from "../session-manager.js";
import { type FetchRequest, withSession } from "./fetch.js";

export {
  type RouterSession,
  type RouterSessionStorage,
  routerSessionStorage,
} from "./router-session-storage.js";

/** A context of React Router, as its `createContext` makes it. */
export interface RouterContextLike<V> {
  defaultValue?: V;
}

/** What is asked of the arguments of React Router's middleware. */
export interface RouterMiddlewareArgs<V> {
  request: FetchRequest;
  context: { set(context: RouterContextLike<V>, value: V): void };
}

/** The sessions of a React Router application. */
export interface RouterSessions<T extends object> {
  /** Leads loaders, actions and middleware to the session: `context.get(sessionContext)`. */
  readonly sessionContext: RouterContextLike<Session<T>>;
  /** Belongs into `middleware` of the root route. */
  readonly sessionMiddleware: (
    args: RouterMiddlewareArgs<Session<T>>,
    next: () => Promise<unknown>,
  ) => Promise<Response>;
}

/**
 * Makes a middleware for React Router's framework mode, and the context that leads to the session:
 *
 *     export const { sessionMiddleware, sessionContext } = reactRouterSessions(sessions);
 *     export const middleware = [sessionMiddleware]; // in app/root.tsx
 *     const session = context.get(sessionContext); // in a loader or an action
 *
 * The session is saved before the response leaves, of a page, of a `.data` request and of a resource route.
 */
export function reactRouterSessions<T extends object, D>(sessions: SessionManager<T, D>): RouterSessions<T> {
  const sessionContext: RouterContextLike<Session<T>> = {};
  return {
    sessionContext,
    sessionMiddleware: (args, next) => {
      if (typeof args?.request?.headers?.get !== "function" || typeof args.context?.set !== "function")
        return refuse("sessionMiddleware", "React Router", [args, next]);
      return withSession(sessions, args.request, (session) => {
        args.context.set(sessionContext, session);
        return next() as Promise<Response>;
      });
    },
  };
}
