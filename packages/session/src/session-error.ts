/**
 * - `INVALID_VALUE`: a session value that the codec cannot encode; the message names its key.
 * - `CONFLICT`: so many parallel requests changed the session that this one found no gap to save.
 * - `TOO_LATE`: a session was begun, renewed or destroyed after the head of the response had left, so that its
 *   cookie could not be set. Goes to `onError`.
 * - `CORRUPT`: stored bytes that the codec cannot decode. Goes to `onError`; the session counts as absent.
 */
export type SessionErrorCode = "INVALID_VALUE" | "CONFLICT" | "TOO_LATE" | "CORRUPT";

/** An error of the manager's own; those of the store come as they are. Carries neither token nor values. */
export class SessionError extends Error {
  override readonly name = "SessionError";
  readonly code: SessionErrorCode;

  constructor(code: SessionErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}
