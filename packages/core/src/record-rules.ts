import { isUint8Array } from "node:util/types";
import { StoreError } from "./store-error.js";

/** The longest token, in UTF-8 bytes: what a file name and a database key take everywhere. */
export const MAX_TOKEN_BYTES = 255;

/** Tells whether `token` is one: a string of 1 to 255 UTF-8 bytes, well-formed, without NUL. */
export function isToken(token: unknown): token is string {
  return (
    typeof token === "string" &&
    token.length > 0 &&
    // No UTF-16 unit takes more than three bytes, so that a usual token need not be measured.
    (token.length * 3 <= MAX_TOKEN_BYTES ||
      (token.length <= MAX_TOKEN_BYTES && Buffer.byteLength(token) <= MAX_TOKEN_BYTES)) &&
    !token.includes("\0") &&
    token.isWellFormed()
  );
}

/** @throws StoreError `INVALID_ARGUMENT` unless {@link isToken}. For `commit`; elsewhere a malformed token is absence. */
export function assertToken(token: unknown): asserts token is string {
  if (!isToken(token)) {
    throw new StoreError(
      "INVALID_ARGUMENT",
      `token must be a well-formed string of 1 to ${MAX_TOKEN_BYTES} UTF-8 bytes without NUL`,
    );
  }
}

/**
 * Checks the data of a record. Accepts a `Uint8Array` of any realm, and a `Buffer`.
 *
 * @throws StoreError `INVALID_ARGUMENT` if `data` is no `Uint8Array`, or is longer than `maxBytes`.
 */
export function assertData(
  data: unknown,
  maxBytes: number = Number.POSITIVE_INFINITY,
): asserts data is Uint8Array {
  // `instanceof` is faster; `isUint8Array` accepts arrays of other realms, such as those of jsdom and Jest.
  if (!(ArrayBuffer.isView(data) && (data instanceof Uint8Array || isUint8Array(data))))
    throw new StoreError("INVALID_ARGUMENT", "data must be a Uint8Array");
  if (data.length > maxBytes)
    throw new StoreError("INVALID_ARGUMENT", `data must be at most ${maxBytes} bytes, got ${data.length}`);
}

/** @throws StoreError `INVALID_ARGUMENT` unless `expiry` is a valid `Date`, of whichever realm. */
export function assertExpiry(expiry: unknown): asserts expiry is Date {
  if (Number.isNaN(timeOf(expiry))) {
    throw new StoreError("INVALID_ARGUMENT", "expiry must be a valid Date");
  }
}

const { getTime } = Date.prototype;

/** The time of a date; `NaN` if it is invalid, or no date. */
function timeOf(date: unknown): number {
  try {
    return getTime.call(date);
  } catch {
    return Number.NaN;
  }
}
