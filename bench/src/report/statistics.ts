import type { Outcome } from "../scenarios/outcome.js";

export interface Spread {
  median: number;
  min: number;
  max: number;
}

export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? Number.NaN;
  const median = sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? Number.NaN) + upper) / 2;
  return { median, min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** A summary of the rounds of a cell. */
export interface Summary {
  /** Why there are no figures: one failed round makes a cell void. */
  failure?: string;
  perSecond?: Spread;
  p50?: Spread;
  p99?: Spread;
  cpu?: Spread;
}

export function summarise(rounds: readonly Outcome[]): Summary {
  const figures = [];
  for (const outcome of rounds) {
    if ("failure" in outcome) return { failure: outcome.failure };
    if ("isAbsent" in outcome) return {};
    figures.push(outcome);
  }
  const summary: Summary = {};
  for (const key of ["perSecond", "p50", "p99", "cpu"] as const) {
    const values = figures.flatMap((each) => each[key] ?? []);
    if (values.length === rounds.length && values.length > 0) summary[key] = spread(values);
  }
  return summary;
}

const rates = (rounds: readonly Outcome[]) =>
  rounds.map((outcome) => ("perSecond" in outcome ? outcome.perSecond : Number.NaN));

/** Returns the spread of the ratios of two rates, taken within each round: noise of the machine affects both. */
export function rateRatio(ours: readonly Outcome[], theirs: readonly Outcome[]): Spread | undefined {
  const others = rates(theirs);
  const each = rates(ours).map((value, round) => value / (others[round] ?? Number.NaN));
  return each.length > 0 && each.every(Number.isFinite) ? spread(each) : undefined;
}

/** Shows a spread as `median (min–max)`. */
export function showSpread({ median, min, max }: Spread, show: (value: number) => string): string {
  return `${show(median)} (${show(min)}–${show(max)})`;
}

/** Shows rates from 123 to 1.2M with two or three digits. */
export function showRate(rate: number): string {
  if (rate < 1000) return rate.toPrecision(rate < 100 ? 2 : 3);
  const [value, unit] = rate < 999_500 ? [rate / 1000, "k"] : [rate / 1_000_000, "M"];
  return `${value < 9.95 ? value.toFixed(1) : value.toFixed(0)}${unit}`;
}

/** Shows a ratio with two digits. */
export function showRatio(ratio: number): string {
  return ratio < 9.95 ? ratio.toFixed(ratio < 0.995 ? 2 : 1) : ratio.toFixed(0);
}

/** Shows a time in µs or ms. */
export function showMicroseconds(value: number): string {
  if (value < 9.95) return `${value.toFixed(1)} µs`;
  if (value < 999.5) return `${value.toFixed(0)} µs`;
  return `${(value / 1000).toFixed(value < 9950 ? 1 : 0)} ms`;
}
