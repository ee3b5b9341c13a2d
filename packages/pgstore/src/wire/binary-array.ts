import { writeTimestamp } from "./timestamp.js";

// Arrays in PostgreSQL's binary format (array_send in its sources): number of dimensions, a flag for NULLs, the type
// of the elements; length and lower bound of the one dimension; then each element after its length. All big-endian.
// The text format would take two digits per byte of data, and quoting and parsing of each element.

const HEADER_BYTES = 20;
const TYPES = { text: 25, bytea: 17, timestamptz: 1184 } as const;

function allocate(type: keyof typeof TYPES, count: number, bytes: number): Buffer {
  const buffer = Buffer.allocUnsafe(HEADER_BYTES + 4 * count + bytes);
  buffer.writeInt32BE(count === 0 ? 0 : 1, 0);
  buffer.writeInt32BE(0, 4);
  buffer.writeInt32BE(TYPES[type], 8);
  buffer.writeInt32BE(count, 12);
  buffer.writeInt32BE(1, 16);
  return buffer;
}

/** Encodes a parameter for `$n::text[]`. */
export function textArray(texts: readonly string[]): Buffer {
  let bytes = 0;
  for (const text of texts) bytes += Buffer.byteLength(text);
  const buffer = allocate("text", texts.length, bytes);
  let offset = HEADER_BYTES;
  for (const text of texts) {
    const length = buffer.write(text, offset + 4);
    buffer.writeInt32BE(length, offset);
    offset += 4 + length;
  }
  return buffer;
}

/** Encodes a parameter for `$n::bytea[]`. */
export function byteaArray(values: readonly Uint8Array[]): Buffer {
  let bytes = 0;
  for (const { length } of values) bytes += length;
  const buffer = allocate("bytea", values.length, bytes);
  let offset = HEADER_BYTES;
  for (const value of values) {
    buffer.writeInt32BE(value.length, offset);
    buffer.set(value, offset + 4);
    offset += 4 + value.length;
  }
  return buffer;
}

/** Encodes times in ms since the epoch as a parameter for `$n::timestamptz[]`. */
export function timestampArray(times: readonly number[]): Buffer {
  const buffer = allocate("timestamptz", times.length, 8 * times.length);
  let offset = HEADER_BYTES;
  for (const ms of times) {
    buffer.writeInt32BE(8, offset);
    writeTimestamp(buffer, ms, offset + 4);
    offset += 12;
  }
  return buffer;
}
