import type { Comparison } from "./comparison.js";
import { type CellGroup, pairsOf, showPair } from "./report.js";
import { type Results, summarise } from "./results.js";
import { showMicroseconds, showSpread } from "./statistics.js";
import type { Table } from "./table.js";

/** What stands at the beginning of a row, with the size where there is more than one. */
function nameOf(group: CellGroup, groups: readonly CellGroup[]): string {
  const size = groups.some((each) => each.size !== group.size) ? `, ${group.size} bytes` : "";
  return `${group.operation}, ${group.inFlight} in flight${size}`;
}

/**
 * The ratios of a family where both sides promise the same: a table for each kind of the store, with a row for each
 * operation and a column for each other contender.
 */
export function headlines(groups: readonly CellGroup[], results: Results, comparison?: Comparison): Table[] {
  const facts = results.contenders[groups[0]?.store ?? ""] ?? {};
  const lines = groups.map((group) => ({
    name: nameOf(group, groups),
    pairs: pairsOf(group, facts, comparison).filter(({ isEqual }) => isEqual),
  }));
  const variants = [
    ...new Set(lines.flatMap(({ pairs }) => pairs.map(({ ours }) => ours.replace(/ \+ JSON$/, "")))),
  ];
  return variants.map((variant) => {
    const own = lines
      .map(({ name, pairs }) => ({
        name,
        pairs: pairs.filter(({ ours }) => ours === variant || ours === `${variant} + JSON`),
      }))
      .filter(({ pairs }) => pairs.length > 0);
    const others = [...new Set(own.flatMap(({ pairs }) => pairs.map(({ other }) => other)))];
    return {
      title: `${variant}: times as many a second as what survives the same (${facts[variant]?.durability}), median (min–max) of the ratios of the rounds`,
      rows: [
        ["", ...others.map((other) => `${other} (${facts[other]?.role})`)],
        ...own.map(({ name, pairs }) => [
          name,
          ...others.map((other) => {
            const pair = pairs.find((each) => each.other === other);
            return pair === undefined ? "-" : showPair(pair);
          }),
        ]),
      ],
    };
  });
}

/**
 * Of a family on a server: the p99 of ours beside the median of those who promise the same, since who batches makes
 * some wait for others.
 */
export function latencies(groups: readonly CellGroup[], results: Results): Table[] {
  const facts = results.contenders[groups[0]?.store ?? ""] ?? {};
  const lines = groups.flatMap((group) => {
    const summaries = new Map(group.rows.map(({ contender, rounds }) => [contender, summarise(rounds)]));
    const isOnServer = [...summaries.values()].some(({ server }) => server !== undefined);
    return isOnServer ? [{ name: nameOf(group, groups), summaries }] : [];
  });
  if (lines.length === 0) return [];
  const promised = facts[groups[0]?.store ?? ""]?.durability;
  const names = (role: string) =>
    Object.keys(facts).filter(
      (name) =>
        facts[name]?.role === role &&
        facts[name]?.takes === "objects" &&
        facts[name]?.durability === promised &&
        lines.some(({ summaries }) => summaries.get(name)?.p99 !== undefined),
    );
  const [ours, peers] = [names("ours"), names("peer")];
  if (ours.length === 0 || peers.length === 0) return [];
  const show = (spread: Parameters<typeof showSpread>[0] | undefined) =>
    spread === undefined ? "-" : showSpread(spread, showMicroseconds);
  return [
    {
      title: "How long the slowest hundredth of our calls takes (p99), and half of the others' (p50)",
      rows: [
        ["", ...ours.map((name) => `${name}: p99`), ...peers.map((name) => `${name}: p50`)],
        ...lines
          .filter(({ summaries }) => peers.some((each) => summaries.get(each)?.p50 !== undefined))
          .map(({ name, summaries }) => [
            name,
            ...ours.map((each) => show(summaries.get(each)?.p99)),
            ...peers.map((each) => show(summaries.get(each)?.p50)),
          ]),
      ],
    },
  ];
}
