import { callGuarded } from "./guarded.js";

/**
 * - `CLOSED`: the store has been disposed of.
 * - `INVALID_ARGUMENT`: malformed token, data that is no `Uint8Array`, invalid `Date`, or more than fits.
 * - `UNAVAILABLE`: the backend cannot be reached, its pool is exhausted, its disk full; `cause` says which.
 * - `CORRUPT`: a record cannot be read back. Reported to `onError`; the record counts as absent.
 * - `MISSING_TABLE`: the table does not exist; the message says which call creates it.
 * - `LOCKED`: another process owns the directory.
 */
export type StoreErrorCode =
  | "CLOSED"
  | "INVALID_ARGUMENT"
  | "UNAVAILABLE"
  | "CORRUPT"
  | "MISSING_TABLE"
  | "LOCKED";

/**
 * The only error that stores reject with. Check `code`, not `instanceof`: two copies of this package may be installed.
 * The driver's error is the `cause`.
 */
export class StoreError extends Error {
  override readonly name = "StoreError";
  readonly code: StoreErrorCode;

  constructor(code: StoreErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** Creates the default `onError`, which emits one process warning per distinct code. */
export function warnOncePerCode(): (error: StoreError) => void {
  const seen = new Set<string>();
  return (error) => {
    if (seen.has(error.code)) return;
    seen.add(error.code);
    process.emitWarning(
      `${error.message} (further ${error.code} errors are not shown; set onError to see all)`,
      {
        type: error.name,
        code: error.code,
      },
    );
  };
}

/**
 * Calls `onError` of the app. If it throws or rejects, emits a process warning: no call of a store fails because of it.
 */
export function report(onError: (error: StoreError) => unknown, error: StoreError): void {
  callGuarded(() => onError(error), warn);
}

function warn(thrown: unknown): void {
  let warning: Error | string;
  try {
    warning = thrown instanceof Error ? thrown : String(thrown);
  } catch {
    warning = "an onError has thrown what cannot be told";
  }
  process.emitWarning(warning);
}
