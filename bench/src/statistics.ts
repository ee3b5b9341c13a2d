export interface Spread {
  median: number;
  min: number;
  max: number;
}

/** The value below which the share `part` of them lies, by the nearest rank. NaN if there are none. */
export function percentile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(0, Math.ceil(sorted.length * part) - 1)] ?? Number.NaN;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** The ratios of what belongs together: noise of the machine in one round meets both of it. */
export function ratios(ours: readonly number[], theirs: readonly number[]): Spread | undefined {
  const each = ours.map((value, round) => value / (theirs[round] ?? Number.NaN));
  return each.length > 0 && each.every(Number.isFinite) ? spread(each) : undefined;
}

/** How far two medians of one cell may lie apart in two runs: 1.3 is 30 %. */
export const AGREEMENT = 1.3;

export function agree(one: number, other: number): boolean {
  return Math.max(one, other) / Math.min(one, other) <= AGREEMENT;
}

/** Shows a spread as `median (min–max)`. */
export function showSpread({ median, min, max }: Spread, show: (value: number) => string): string {
  return `${show(median)} (${show(min)}–${show(max)})`;
}

/** Rates from 123 to 1.23M: three digits. */
export function showRate(rate: number): string {
  if (rate < 1000) return rate.toPrecision(rate < 100 ? 2 : 3);
  const [value, unit] = rate < 999_500 ? [rate / 1000, "k"] : [rate / 1_000_000, "M"];
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)}${unit}`;
}

/** Two digits are all that a ratio is worth. */
export function showRatio(ratio: number): string {
  return ratio < 9.95 ? ratio.toFixed(ratio < 0.995 ? 2 : 1) : ratio.toFixed(0);
}

/** Times in µs and ms. */
export function showMicroseconds(value: number): string {
  if (value < 9.95) return `${value.toFixed(1)} µs`;
  if (value < 999.5) return `${value.toFixed(0)} µs`;
  return `${(value / 1000).toFixed(value < 9950 ? 1 : 0)} ms`;
}
