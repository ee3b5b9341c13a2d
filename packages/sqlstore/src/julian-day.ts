/** The Julian day of the Unix epoch, 2440587.5, in ms. */
const EPOCH_MS = 210_866_760_000_000;
const DAY_MS = 86_400_000;

/** The Julian day of the latest `Date`. A later number is not an expiry. */
export const MAX_JULIAN_DAY: number = toJulianDay(8_640_000_000_000_000);

/**
 * Converts ms since the epoch to a Julian day, as SQLite's `julianday` does. Until the year 87,000 the conversion keeps
 * the order of times, and {@link fromJulianDay} returns every millisecond exactly.
 */
export function toJulianDay(epochMs: number): number {
  return (epochMs + EPOCH_MS) / DAY_MS;
}

/** Converts a Julian day to ms since the epoch, rounded to the nearest. Inverse of {@link toJulianDay}. */
export function fromJulianDay(day: number): number {
  return Math.round(day * DAY_MS) - EPOCH_MS;
}
