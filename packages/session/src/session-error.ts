/**
 * - `INVALID_VALUE`: a session value that the codec cannot encode; the message names its key.
 * - `TOO_LARGE`: a session that takes more than `maxBytes`; the message names its largest value.
 * - `CONFLICT`: so many parallel requests changed the session that this one found no gap to save.
 * - `TOO_LATE`: a session was changed, renewed or destroyed after the head of the response had left. Thrown by the
 *   call; to `onError`, if it was the app's own commit whose cookie could not be set any more.
 * - `STORE_TIMEOUT`: the store has not answered within `storeTimeoutMs`; whether the call took effect is unknown.
 * - `CORRUPT`: stored bytes that the codec cannot decode. Goes to `onError`; the session counts as absent.
 * - `REAUTHENTICATE`: `requireRecent` was called, and the user has not authenticated recently.
 * - `NO_CONTEXT`: `current()` was called outside of a request, or without `asyncContext`.
 */
export type SessionErrorCode =
  | "INVALID_VALUE"
  | "TOO_LARGE"
  | "CONFLICT"
  | "TOO_LATE"
  | "STORE_TIMEOUT"
  | "CORRUPT"
  | "REAUTHENTICATE"
  | "NO_CONTEXT";

/** An error of the manager's own; those of the store come as they are. Carries neither token nor values. */
export class SessionError extends Error {
  override readonly name = "SessionError";
  readonly code: SessionErrorCode;
  /** The status that Express, Fastify and Koa answer with, if the app does not handle the error. */
  readonly statusCode: number;

  constructor(code: SessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.statusCode = code === "REAUTHENTICATE" ? 401 : 500;
  }
}
