/** PostgreSQL's epoch, 2000-01-01T00:00:00Z, in ms since the Unix epoch. */
const PG_EPOCH_MS = 946_684_800_000;
/** PostgreSQL's earliest time, 4714-11-24 BC. A `Date` can be earlier. */
const MIN_MS = -210_866_803_200_000;
/** PostgreSQL's `-infinity`. */
const MINUS_INFINITY: bigint = -(2n ** 63n);
/** The latest `Date`. PostgreSQL has later times, and `infinity`. */
const MAX_MS = 8.64e15;

/** Writes a time, in ms since the epoch or minus infinity, as a binary `timestamptz`: 8 bytes, in µs since 2000. */
export function writeTimestamp(buffer: Buffer, ms: number, offset: number): void {
  if (ms === Number.NEGATIVE_INFINITY) {
    buffer.writeBigInt64BE(MINUS_INFINITY, offset);
    return;
  }
  const clamped = Math.min(Math.max(ms, MIN_MS), MAX_MS);
  const whole = Math.floor(clamped);
  // In two steps: a double cannot hold the µs of the far future. A clock may return fractions of a ms.
  const micros = BigInt(whole - PG_EPOCH_MS) * 1000n + BigInt(Math.floor((clamped - whole) * 1000));
  buffer.writeBigInt64BE(micros, offset);
}

/** Encodes a time, in ms since the epoch, as a parameter. */
export function timestamp(ms: number): Buffer {
  const buffer = Buffer.allocUnsafe(8);
  writeTimestamp(buffer, ms, 0);
  return buffer;
}

/**
 * Converts the text of `extract(epoch from ...)`, seconds with decimals, to ms since the epoch, truncated. Works on the
 * digits, because a product of doubles is inexact beyond the year 37,000.
 */
export function fromEpoch(text: string): number {
  const [seconds = "", decimals = ""] = text.split(".");
  const ms = Number(decimals.slice(0, 3).padEnd(3, "0"));
  const whole = Number(seconds) * 1000;
  return Math.min(text.startsWith("-") ? whole - ms : whole + ms, MAX_MS);
}
