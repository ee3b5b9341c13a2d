import { isUint8Array } from "node:util/types";
import { StoreError } from "./store-error.js";

/** Maximum length of a token in UTF-8 bytes, which fits into a file name and a database key everywhere. */
export const MAX_TOKEN_BYTES = 255;

/** Returns whether `token` is well-formed: a valid Unicode string of 1 to 255 UTF-8 bytes, without NUL. */
export function isToken(token: unknown): token is string {
  return (
    typeof token === "string" &&
    token.length > 0 &&
    // A UTF-16 unit takes at most three bytes, so most tokens need not be measured.
    (token.length * 3 <= MAX_TOKEN_BYTES ||
      (token.length <= MAX_TOKEN_BYTES && Buffer.byteLength(token) <= MAX_TOKEN_BYTES)) &&
    !token.includes("\0") &&
    token.isWellFormed()
  );
}

/** Checks the token of a `commit`. Other methods treat a malformed token as absent. @throws StoreError `INVALID_ARGUMENT` */
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

/** Checks an expiry. Accepts a valid `Date` of any realm. @throws StoreError `INVALID_ARGUMENT` */
export function assertExpiry(expiry: unknown): asserts expiry is Date {
  if (Number.isNaN(timeOf(expiry))) {
    throw new StoreError("INVALID_ARGUMENT", "expiry must be a valid Date");
  }
}

const { getTime } = Date.prototype;

/** Returns the time of a date; `NaN` if it is invalid, or no date. */
function timeOf(date: unknown): number {
  try {
    return getTime.call(date);
  } catch {
    return Number.NaN;
  }
}
