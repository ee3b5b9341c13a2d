/** Number of bytes before the data in a value: the expiry. */
export const HEADER_BYTES = 8;

/** Maximum expiry, in the year 2262. Later ones are stored as this. */
const LAST_MS = 9_223_372_036_854;

const NS_PER_MS = 1_000_000;
// 2^32 ns are 4,294 ms and 967,296 ns. No product or sum below exceeds the 53 bits of a number.
const MS_PER_HIGH = 4294;
const NS_PER_HIGH = 967_296;

/** Writes an instant in ms since the epoch as Unix time in ns: 8 bytes, big-endian. Clamps it to the range. */
export function writeExpiry(target: Buffer, ms: number): void {
  const clamped = Math.min(Math.max(ms, 0), LAST_MS);
  const rest = clamped % 2 ** 20;
  const product = ((clamped - rest) / 2 ** 20) * NS_PER_MS; // shifted by 20 bits below
  const low = (product % 2 ** 12) * 2 ** 20 + rest * NS_PER_MS;
  const high = Math.floor(product / 2 ** 12);
  target.writeUInt32BE(high + Math.floor(low / 2 ** 32), 0);
  target.writeUInt32BE(low % 2 ** 32, 4);
}

/**
 * Reads an expiry in ms since the epoch. Rounds up the ns of other programs: to the first whole ms at which the record has
 * expired.
 */
export function readExpiry(source: Uint8Array): number {
  const high = readUint32(source, 0);
  const ns = high * NS_PER_HIGH + readUint32(source, 4);
  const rest = ns % NS_PER_MS;
  return high * MS_PER_HIGH + (ns - rest) / NS_PER_MS + (rest > 0 ? 1 : 0);
}

/** Reads from any array: the driver returns views of its memory map as plain arrays. */
function readUint32(source: Uint8Array, offset: number): number {
  let number = 0;
  for (let index = offset; index < offset + 4; index++) number = number * 256 + (source[index] ?? 0);
  return number;
}

/** Returns the value of a record, with a copy of its data. */
export function encodeRecord(data: Uint8Array, expiryMs: number): Buffer {
  const value = Buffer.allocUnsafe(HEADER_BYTES + data.length);
  writeExpiry(value, expiryMs);
  value.set(data, HEADER_BYTES);
  return value;
}

const POOL_BYTES = 16_384;
let pool: Uint8Array = new Uint8Array(POOL_BYTES);
let taken = 0;

/**
 * Copies the data out of a value, which may be a view that the driver reuses. Small copies share a buffer: creating one for
 * each copy would double the time of a read.
 */
export function copyData(value: Uint8Array): Uint8Array {
  const source = value.subarray(HEADER_BYTES, value.length);
  if (source.length > POOL_BYTES / 4) return new Uint8Array(source);
  if (taken + source.length > pool.length) {
    pool = new Uint8Array(POOL_BYTES); // length is 0 after the app has transferred the buffer
    taken = 0;
  }
  const data = new Uint8Array(pool.buffer, taken, source.length);
  data.set(source);
  taken += source.length;
  return data;
}
