export { jsonCodec, type SessionCodec, type SessionContent } from "./codec.js";
export type { Middleware } from "./middleware.js";
export { type RenewOptions, Session, type SessionStatus } from "./session.js";
export type { CookieOptions } from "./session-cookie.js";
export { SessionError, type SessionErrorCode } from "./session-error.js";
export { SessionManager, type SessionManagerOptions } from "./session-manager.js";
