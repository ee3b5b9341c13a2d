import { constants } from "node:buffer";
import { StoreError } from "../store-error.js";

/**
 * Bytes as a string of one character each. A million small arrays would cost a million `ArrayBuffer`s of
 * about 200 bytes each beside their data; a string costs 16, and lies where the collector can compact it.
 */
export type PackedBytes = string & { readonly packedBytes: unique symbol };

// To make a Buffer of each array, or by way of one, would take half of the time again.
const POOL_BYTES = 8192;
const scratch = Buffer.allocUnsafeSlow(POOL_BYTES);
let pool = Buffer.allocUnsafeSlow(POOL_BYTES);
let taken = 0;

/**
 * Copies bytes into a string.
 *
 * @throws StoreError `INVALID_ARGUMENT` if the data is longer than a string can be (about 512 MiB).
 */
export function pack(data: Uint8Array): PackedBytes {
  const { length } = data;
  if (length > constants.MAX_STRING_LENGTH) {
    throw new StoreError("INVALID_ARGUMENT", `data must be at most ${constants.MAX_STRING_LENGTH} bytes`);
  }
  const source = length <= POOL_BYTES ? scratch : Buffer.allocUnsafeSlow(length);
  source.set(data);
  return source.toString("latin1", 0, length) as PackedBytes;
}

/** Gives a fresh copy: a plain `Uint8Array`, since the `slice` of a `Buffer` is no copy. */
export function unpack(packed: PackedBytes): Uint8Array {
  const { length } = packed;
  if (taken + length > pool.length) {
    pool = Buffer.allocUnsafeSlow(Math.max(POOL_BYTES, length)); // pool.length is 0 if the app transferred it
    taken = 0;
  }
  pool.write(packed, taken, "latin1");
  const data = new Uint8Array(pool.buffer, taken, length);
  taken += length;
  return data;
}
