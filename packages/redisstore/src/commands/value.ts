import { markAsUntransferable } from "node:worker_threads";
import type { SessionRecord } from "@scs/core";

/** Number of bytes before the data: the expiry in ms since the epoch, as a signed 64-bit integer, big-endian. */
const HEADER_BYTES = 8;
const HIGH = 2 ** 32;
/** The latest, and negated the earliest, time that a `Date` can have. */
const MAX_TIME = 8_640_000_000_000_000;

/** Returns what is stored under a key: expiry and data. */
export function encodeValue(data: Uint8Array, expiry: number): Buffer {
  const value = Buffer.allocUnsafe(HEADER_BYTES + data.length);
  writeExpiry(value, expiry);
  value.set(data, HEADER_BYTES);
  return value;
}

function writeExpiry(bytes: Buffer, expiry: number, at = 0): void {
  const high = Math.floor(expiry / HIGH);
  bytes.writeInt32BE(high, at);
  bytes.writeUInt32BE(expiry - high * HIGH, at + 4);
}

/** What a script needs of a call that writes. */
export interface WriteFields {
  readonly previous?: Uint8Array | undefined;
  readonly data: Uint8Array;
  readonly expiry: number;
}

/** Returns the fields of calls in one buffer: for each the previous data, if there are, and the value, each after its length. */
export function packFields(calls: readonly WriteFields[]): Buffer {
  let length = 0;
  for (const { previous, data } of calls)
    length += (previous === undefined ? 0 : 4 + previous.length) + 4 + HEADER_BYTES + data.length;
  const packed = Buffer.allocUnsafe(length);
  let at = 0;
  for (const { previous, data, expiry } of calls) {
    if (previous !== undefined) {
      at = packed.writeUInt32BE(previous.length, at);
      packed.set(previous, at);
      at += previous.length;
    }
    at = packed.writeUInt32BE(HEADER_BYTES + data.length, at);
    writeExpiry(packed, expiry, at);
    packed.set(data, at + HEADER_BYTES);
    at += HEADER_BYTES + data.length;
  }
  return packed;
}

/** Returns the expiries of calls in one buffer, each as in a value. */
export function packExpiries(calls: readonly { readonly expiry: number }[]): Buffer {
  const packed = Buffer.allocUnsafe(HEADER_BYTES * calls.length);
  for (let index = 0; index < calls.length; index++)
    writeExpiry(packed, (calls[index] as { expiry: number }).expiry, HEADER_BYTES * index);
  return packed;
}

/** Returns the record of a value, with bytes of its own, or `undefined` if it is none that a store has written. */
export function decodeValue(value: unknown): SessionRecord | undefined {
  if (!(value instanceof Uint8Array) || value.length < HEADER_BYTES) return undefined;
  const bytes = value as Buffer;
  const expiry = bytes.readInt32BE(0) * HIGH + bytes.readUInt32BE(4);
  if (Math.abs(expiry) > MAX_TIME) return undefined;
  return { data: copyData(bytes), expiry: new Date(expiry) };
}

const POOL_BYTES = 8192;
let pool = newPool();
let taken = 0;

/** A buffer that nobody can transfer to another thread: it holds the data of several records. */
function newPool(): Buffer {
  const buffer = Buffer.allocUnsafeSlow(POOL_BYTES);
  markAsUntransferable(buffer.buffer);
  return buffer;
}

/**
 * Copies the data of a value: the drivers' buffers are parts of larger ones. It copies the header as well, and makes one
 * array where `Buffer.from` would make three.
 */
function copyData(value: Uint8Array): Uint8Array {
  const { length } = value;
  if (length > POOL_BYTES / 2) return new Uint8Array(value.subarray(HEADER_BYTES));
  if (taken + length > POOL_BYTES) {
    pool = newPool();
    taken = 0;
  }
  pool.set(value, taken);
  const data = new Uint8Array(pool.buffer, taken + HEADER_BYTES, length - HEADER_BYTES);
  taken += length;
  return data;
}

/**
 * Returns the time for PXAT and PEXPIREAT. To the server a key is there at the very millisecond of its expiry; a record
 * is not. The server takes no time before 1.
 */
export function serverExpiry(expiry: number): string {
  return String(Math.max(1, expiry - 1));
}
