import { EventEmitter } from "node:events";
import { inherits } from "node:util";
import { MemStore } from "@scs/memstore";
import type {} from "express-session";
import { Cookie } from "./cookie.js";
import { makeHandler, type SessionHandler } from "./middleware.js";
import type { SessionOptions } from "./options.js";
import { Session } from "./session.js";

/** The values of an app's sessions, declared by the app here or as `SessionData` of `"express-session"`. */
// biome-ignore lint/suspicious/noEmptyInterface: each app has its own.
export interface SessionData {}

// The types of `req.session` are those of @types/express-session, so that existing code continues to compile.
declare module "express-session" {
  interface SessionData extends OwnSessionData {}

  interface Session {
    /** Saves the session now. */
    save(): Promise<void>;
    /** Ends the session, and replaces it by a new, empty one. */
    regenerate(): Promise<void>;
    /** Ends the session. Afterwards, the request has none. */
    destroy(): Promise<void>;
    /** Discards unsaved changes, and replaces this session by the stored one. */
    reload(): Promise<void>;
  }
}
type OwnSessionData = SessionData;

/** Base class of stores for express-session, such as connect-pg-simple, that are passed as `importFrom`. */
export interface OldStoreBase {
  new (options?: unknown): EventEmitter;
  /** Called by stores that are written as ES5 classes: `Store.call(this, options)`. */
  (this: EventEmitter, options?: unknown): void;
}

/** A function, because a class cannot be called without `new`. */
function BaseStore(this: EventEmitter): void {
  EventEmitter.call(this);
}
inherits(BaseStore, EventEmitter);

/** The function `session(options)`, with the properties that express-session has. */
export interface SessionFunction {
  /** Creates the middleware. @throws TypeError or RangeError for an option that cannot work, with advice. */
  <D = unknown>(options?: SessionOptions<D>): SessionHandler<D>;
  default: SessionFunction;
  Cookie: typeof Cookie;
  MemoryStore: typeof MemStore;
  Session: typeof Session;
  Store: OldStoreBase;
}

/** Creates the middleware, with express-session's interface. */
const session: SessionFunction = Object.assign(
  <D>(options?: SessionOptions<D>): SessionHandler<D> => makeHandler(options || {}),
  { Cookie, MemoryStore: MemStore, Session, Store: BaseStore },
) as SessionFunction;
session.default = session;

export type { CookieAttributes, CookieOptions } from "./cookie.js";
export type { SessionHandler } from "./middleware.js";
export type { OldSession, OldStore } from "./old-store.js";
export type { SessionOptions } from "./options.js";
export type { SessionCallback } from "./session.js";
export type { Secret } from "./signed-cookie.js";
export default session;
// `require("@scs/express-session")` returns the function itself.
export { Cookie, Session, session as "module.exports" };
