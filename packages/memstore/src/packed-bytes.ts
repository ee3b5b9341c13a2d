import { constants } from "node:buffer";
import { StoreError } from "@scs/core";

/**
 * Bytes as a string of one character each. A million small arrays would cost a million `ArrayBuffer`s of
 * about 200 bytes each beside their data; a string costs 16, and lies where the collector can compact it.
 */
export type PackedBytes = string & { readonly packedBytes: unique symbol };

/**
 * @throws StoreError `INVALID_ARGUMENT` if the data is longer than a string can be (about 512 MiB).
 */
export function pack(data: Uint8Array): PackedBytes {
  if (data.length > constants.MAX_STRING_LENGTH) {
    throw new StoreError("INVALID_ARGUMENT", `memstore: data must be at most ${constants.MAX_STRING_LENGTH} bytes`);
  }
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("latin1") as PackedBytes;
}

/** Gives a fresh copy: a plain `Uint8Array`, since the `slice` of a `Buffer` is no copy. */
export function unpack(packed: PackedBytes): Uint8Array {
  const { buffer, byteOffset, byteLength } = Buffer.from(packed, "latin1");
  return new Uint8Array(buffer, byteOffset, byteLength);
}
