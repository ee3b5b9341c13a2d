import { isAscii, isUtf8 } from "node:buffer";
import { markAsUntransferable } from "node:worker_threads";
import type { SessionRecord } from "@scs/core";
import type { Argument } from "../drivers/driver.js";

/** Number of bytes before the data: the expiry in ms since the epoch, in decimal digits, with leading zeros. */
const HEADER_BYTES = 16;
/** Latest time of a `Date`. It has as many digits as the header. */
const MAX_TIME = 8_640_000_000_000_000;
/** Maximum size of data sent as a string: above it, the conversion costs more than a second write. */
const MAX_TEXT_BYTES = 65_536;
const ZERO = 48;

/** Encodes a record as the value of a key. */
export function encodeValue(data: Uint8Array, expiry: number): Argument {
  const header = encodeTime(expiry);
  const content = argumentOf(data);
  return typeof content === "string" ? header + content : Buffer.concat([Buffer.from(header), content]);
}

/** Converts bytes into an argument. Text becomes a string, which the drivers send faster than a buffer. */
export function argumentOf(data: Uint8Array): Argument {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.length);
  if (bytes.length > MAX_TEXT_BYTES) return bytes;
  if (isAscii(bytes)) return bytes.toString("latin1");
  return isUtf8(bytes) ? bytes.toString() : bytes;
}

/** Encodes a time so that strings sort by time. Times before 1970 become 1970. */
export function encodeTime(ms: number): string {
  return String(Math.min(MAX_TIME, Math.max(0, Math.floor(ms)))).padStart(HEADER_BYTES, "0");
}

/** Decodes a value into a record with bytes of its own; `undefined` if no store wrote the value. */
export function decodeValue(value: unknown): SessionRecord | undefined {
  if (!(value instanceof Uint8Array) || value.length < HEADER_BYTES) return undefined;
  let expiry = 0;
  for (let index = 0; index < HEADER_BYTES; index++) {
    const digit = (value[index] as number) - ZERO;
    if (digit < 0 || digit > 9) return undefined;
    expiry = expiry * 10 + digit;
  }
  if (expiry > MAX_TIME) return undefined;
  return { data: copyData(value), expiry: new Date(expiry) };
}

const POOL_BYTES = 8192;
let pool = newPool();
let taken = 0;

/** Creates a buffer that cannot be transferred to another thread, because it holds the data of several records. */
function newPool(): Buffer {
  const buffer = Buffer.allocUnsafeSlow(POOL_BYTES);
  markAsUntransferable(buffer.buffer);
  return buffer;
}

/**
 * Copies the data of a value, because the drivers' buffers are parts of larger ones. Copies the header as well, and
 * creates one array where `Buffer.from` would create three.
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
 * Returns the time for PXAT and PEXPIREAT: a millisecond before the expiry, during which the server would still keep the
 * key. The server refuses times below 1.
 */
export function serverExpiry(expiry: number): string {
  return String(Math.max(1, expiry - 1));
}
