/** The Julian day of the Unix epoch, 2440587.5, in ms. */
const EPOCH_MS = 210_866_760_000_000;
const DAY_MS = 86_400_000;

/** The Julian day of the latest instant that a `Date` can be: what lies beyond is no expiry. */
export const MAX_JULIAN_DAY: number = toJulianDay(8_640_000_000_000_000);

/**
 * Ms since the epoch as a Julian day, as SQLite's `julianday` counts. Until the year 87,000 each millisecond
 * is a number of its own, the later one the greater, and comes back as it was.
 */
export function toJulianDay(epochMs: number): number {
  return (epochMs + EPOCH_MS) / DAY_MS;
}

/** A Julian day as ms since the epoch, to the nearest: the way back from {@link toJulianDay}. */
export function fromJulianDay(day: number): number {
  return Math.round(day * DAY_MS) - EPOCH_MS;
}
