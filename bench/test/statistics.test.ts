import { expect, it } from "vitest";
import { percentile } from "../src/harness/percentile.js";
import {
  rateRatio,
  showMicroseconds,
  showRate,
  showRatio,
  showSpread,
  spread,
  summarise,
} from "../src/report/statistics.js";
import type { Outcome } from "../src/scenarios/outcome.js";

const roundsOf = (...rates: number[]): Outcome[] =>
  rates.map((perSecond) => ({ perSecond, p50: 1, p99: 1, cpu: 1 }));

it("computes median, minimum and maximum in any order of the values", () => {
  expect(spread([5, 1, 3])).toEqual({ median: 3, min: 1, max: 5 });
  expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(spread([7])).toEqual({ median: 7, min: 7, max: 7 });
});

it("computes a percentile as a measured value, by the nearest rank", () => {
  const values = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(values, 0.5)).toBe(50);
  expect(percentile(values, 0.99)).toBe(99);
  expect(percentile(values, 1)).toBe(100);
  expect(percentile([3], 0.99)).toBe(3);
  expect(percentile([], 0.5)).toBeNaN();
});

it("computes ratios within each round, not from the medians", () => {
  const ratios = (ours: number[], theirs: number[]) => rateRatio(roundsOf(...ours), roundsOf(...theirs));
  // The machine was slow in the second round, for both contenders.
  expect(ratios([100, 10, 90], [50, 5, 45])).toEqual({ median: 2, min: 2, max: 2 });
  expect(ratios([1, 2], [1])).toBeUndefined();
  expect(ratios([], [])).toBeUndefined();
  expect(ratios([1], [0])).toBeUndefined();
});

it("voids a cell if one round failed", () => {
  expect(summarise([...roundsOf(1, 2), { failure: "lost" }])).toEqual({ failure: "lost" });
  expect(summarise([{ isAbsent: true }])).toEqual({});
  expect(summarise(roundsOf(1, 2, 3)).perSecond).toEqual({ median: 2, min: 1, max: 3 });
});

it("formats figures with two or three significant digits", () => {
  expect([4.21, 123.4, 1234, 12_345, 999_400, 1_234_567].map(showRate)).toEqual([
    "4.2",
    "123",
    "1.2k",
    "12k",
    "999k",
    "1.2M",
  ]);
  expect([0.123, 1.04, 9.96, 123.4].map(showRatio)).toEqual(["0.12", "1.0", "10", "123"]);
  expect([0.52, 12.3, 1234, 12_345].map(showMicroseconds)).toEqual(["0.5 µs", "12 µs", "1.2 ms", "12 ms"]);
  expect(showSpread({ median: 2, min: 1, max: 3 }, String)).toBe("2 (1–3)");
});
