import { EventEmitter } from "node:events";
import { MemStore } from "@scs/memstore";
import type {} from "express-session";
import { Cookie } from "./cookie.js";
import { makeHandler, type SessionHandler } from "./middleware.js";
import type { SessionOptions } from "./options.js";
import { Session } from "./session.js";

/** What an app stores, to be declared by it; likewise `SessionData` of express-session, where that was declared before. */
// biome-ignore lint/suspicious/noEmptyInterface: each app has its own.
export interface SessionData {}

// The types of `req.session` are those of @types/express-session, so that what is written for it goes on to compile.
declare module "express-session" {
  interface SessionData extends OwnSessionData {}

  interface Session {
    /** Saves the session now. */
    save(): Promise<void>;
    /** Ends the session, and puts a new and empty one in its place. */
    regenerate(): Promise<void>;
    /** Ends the session; the request has none then. */
    destroy(): Promise<void>;
    /** Drops what was changed, and puts the session as it is stored in the place of this one. */
    reload(): Promise<void>;
  }
}
type OwnSessionData = SessionData;

/** The class that stores of express-session extend, such as those of connect-pg-simple: for `importFrom`. */
class OldStoreBase extends EventEmitter {}

/** `session(options)`, and beside it what express-session has there. */
export interface SessionFunction {
  /** Makes the middleware. @throws TypeError or RangeError for an option that cannot work, with what to do instead. */
  <D = unknown>(options?: SessionOptions<D>): SessionHandler<D>;
  default: SessionFunction;
  Cookie: typeof Cookie;
  MemoryStore: typeof MemStore;
  Session: typeof Session;
  Store: typeof EventEmitter;
}

/** Creates the middleware, with express-session's interface. */
const session: SessionFunction = Object.assign(
  <D>(options: SessionOptions<D> = {}): SessionHandler<D> => makeHandler(options),
  { Cookie, MemoryStore: MemStore, Session, Store: OldStoreBase },
) as SessionFunction;
session.default = session;

export type { CookieAttributes, CookieOptions } from "./cookie.js";
export type { SessionHandler } from "./middleware.js";
export type { OldSession, OldStore } from "./old-store.js";
export type { SessionOptions } from "./options.js";
export default session;
// `require("@scs/express-session")` returns the function itself.
export { Cookie, Session, session as "module.exports" };
