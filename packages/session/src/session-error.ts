/**
 * - `INVALID_VALUE`: a session value that the codec cannot encode; the message names its key.
 * - `TOO_LARGE`: a session of more than `maxBytes`; the message names its largest value.
 * - `CONFLICT`: too many parallel requests changed the session during this save.
 * - `TOO_LATE`: a session was changed, renewed or destroyed after the headers were sent. Thrown by the call; passed to
 *   `onError` if the app's own commit could no longer set its cookie.
 * - `STORE_TIMEOUT`: the store did not answer within `storeTimeoutMs`; the effect of the call is unknown.
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

/** An error of the manager. Errors of the store are passed on unchanged. Contains neither a token nor values. */
export class SessionError extends Error {
  override readonly name = "SessionError";
  readonly code: SessionErrorCode;
  /** The status with which Express, Fastify and Koa answer if the app does not handle the error. */
  readonly statusCode: number;

  constructor(code: SessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
    this.statusCode = code === "REAUTHENTICATE" ? 401 : 500;
  }
}
