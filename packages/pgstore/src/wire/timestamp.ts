/** 2000-01-01T00:00:00Z, from which PostgreSQL counts, in ms since the epoch. */
const PG_EPOCH_MS = 946_684_800_000;
/** 4714-11-24 BC, the earliest that PostgreSQL knows; a `Date` may be earlier, and both have long passed. */
const MIN_MS = -210_866_803_200_000;
/** What lies before all times. */
const MINUS_INFINITY: bigint = -(2n ** 63n);
/** The latest `Date`; PostgreSQL knows later ones, and `infinity`. */
const MAX_MS = 8.64e15;

/** Writes a time, in ms since the epoch or minus infinity, as PostgreSQL's binary `timestamptz`: 8 bytes, µs since 2000. */
export function writeTimestamp(buffer: Buffer, ms: number, offset: number): void {
  if (ms === Number.NEGATIVE_INFINITY) {
    buffer.writeBigInt64BE(MINUS_INFINITY, offset);
    return;
  }
  const clamped = Math.min(Math.max(ms, MIN_MS), MAX_MS);
  const whole = Math.floor(clamped);
  // In two steps: the µs of a far future are more than a double holds. A clock may give fractions of a ms.
  const micros = BigInt(whole - PG_EPOCH_MS) * 1000n + BigInt(Math.floor((clamped - whole) * 1000));
  buffer.writeBigInt64BE(micros, offset);
}

/** A time, in ms since the epoch, as a parameter. */
export function timestamp(ms: number): Buffer {
  const buffer = Buffer.allocUnsafe(8);
  writeTimestamp(buffer, ms, 0);
  return buffer;
}

/**
 * Reads what `extract(epoch from ...)` gave as text, seconds with decimals, as ms since the epoch. Digit by digit: a
 * product of doubles is not exact beyond the year 37,000. What is finer than a ms is cut off.
 */
export function fromEpoch(text: string): number {
  const [seconds = "", decimals = ""] = text.split(".");
  const ms = Number(decimals.slice(0, 3).padEnd(3, "0"));
  const whole = Number(seconds) * 1000;
  return Math.min(text.startsWith("-") ? whole - ms : whole + ms, MAX_MS);
}
