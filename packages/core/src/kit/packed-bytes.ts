import { constants } from "node:buffer";
import { StoreError } from "../store-error.js";

/**
 * Bytes as a string, one character per byte. A small array costs an `ArrayBuffer` of about 200 bytes beside its data; a
 * string costs 16, and the garbage collector can move it.
 */
export type PackedBytes = string & { readonly packedBytes: unique symbol };

// Creating a Buffer for each array would take 50 % longer.
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

/** Returns a new copy: a plain `Uint8Array`, because `slice` of a `Buffer` does not copy. */
export function unpack(packed: PackedBytes): Uint8Array {
  const { length } = packed;
  if (taken + length > pool.length) {
    pool = Buffer.allocUnsafeSlow(Math.max(POOL_BYTES, length)); // length is 0 after the app has transferred the buffer
    taken = 0;
  }
  pool.write(packed, taken, "latin1");
  const data = new Uint8Array(pool.buffer, taken, length);
  taken += length;
  return data;
}
