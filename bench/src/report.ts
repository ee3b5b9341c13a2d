import { cleanupTable } from "./cleanup.js";
import { type Comparison, markOf } from "./comparison.js";
import { growthTable, processesTable } from "./growth-report.js";
import { headlines, latencies } from "./headlines.js";
import { groupHttp, httpTable } from "./http-report.js";
import { OPERATIONS, type Operation } from "./operation.js";
import {
  type CellRow,
  type ContenderFacts,
  type Results,
  rateRatio,
  type Summary,
  summarise,
} from "./results.js";
import { type Spread, showMicroseconds, showRate, showRatio, showSpread } from "./statistics.js";
import type { Table } from "./table.js";

/** All cells that belong in one table: those of one operation in one family. */
export interface CellGroup {
  store: string;
  operation: Operation;
  sessions: number;
  size: number;
  inFlight: number;
  rows: readonly CellRow[];
}

export function groupCells(cells: readonly CellRow[]): CellGroup[] {
  const groups = new Map<string, CellRow[]>();
  for (const cell of cells) {
    const { store, operation, sessions, size, inFlight } = cell;
    const key = JSON.stringify([store, sessions, size, operation, inFlight]);
    groups.set(key, [...(groups.get(key) ?? []), cell]);
  }
  const stores = [...new Set(cells.map(({ store }) => store))];
  return [...groups.values()]
    .map((rows) => ({ ...(rows[0] as CellRow), rows }))
    .sort(
      (a, b) =>
        stores.indexOf(a.store) - stores.indexOf(b.store) ||
        a.sessions - b.sessions ||
        a.size - b.size ||
        OPERATIONS.indexOf(a.operation) - OPERATIONS.indexOf(b.operation) ||
        b.inFlight - a.inFlight,
    );
}

/** Ours beside another: the row of ours that does the same work, on objects or on bytes. */
export interface Pair {
  ours: string;
  other: string;
  isEqual: boolean;
  ratio: Spread;
  /** Whether another run says the same; `undefined` if there is none that has both. */
  agrees: boolean | undefined;
  /** What is put behind the ratio for that. */
  mark: string;
}

/** All pairs of a table. A peer takes objects; whatever takes none is set beside ours on bytes. */
export function pairsOf(
  { rows }: CellGroup,
  facts: Record<string, ContenderFacts>,
  comparison?: Comparison,
): Pair[] {
  const ours = rows.filter(({ contender }) => facts[contender]?.role === "ours");
  const others = rows.filter(({ contender }) => facts[contender]?.role !== "ours");
  return others.flatMap((other) =>
    ours.flatMap((mine) => {
      const [theirs, own] = [facts[other.contender], facts[mine.contender]];
      if ((theirs?.takes === "objects") !== (own?.takes === "objects")) return [];
      const ratio = rateRatio(mine, other);
      if (ratio === undefined) return [];
      const agrees = comparison?.agrees(mine, other);
      return {
        ours: mine.contender,
        other: other.contender,
        isEqual: theirs?.durability === own?.durability,
        ...{ ratio, agrees, mark: markOf(agrees, comparison) },
      };
    }),
  );
}

/** What stands for a ratio: in brackets if the durability differs, with a mark if another run says otherwise. */
export const showPair = ({ ratio, isEqual, mark }: Pair): string => {
  const text = `${showSpread(ratio, showRatio)}${mark}`;
  return isEqual ? text : `[${text}]`;
};

export function describeGroup({ operation, inFlight, sessions, size }: CellGroup): string {
  return `${operation}, ${inFlight} in flight, ${sessions} sessions of ${size} bytes`;
}

/** The table of one operation: all contenders with all that was measured. */
export function tableOf(group: CellGroup, results: Results, comparison?: Comparison): Table {
  const facts = results.contenders[group.store] ?? {};
  const pairs = pairsOf(group, facts, comparison);
  const variants = group.rows
    .map(({ contender }) => contender)
    .filter((name) => facts[name]?.role === "ours" && !name.endsWith(" + JSON"));
  const summaries = group.rows.map(({ rounds }) => summarise(rounds));
  const hasServer = summaries.some(({ server }) => server !== undefined);
  const hasStatements = group.rows.some(({ statements }) => statements !== undefined);
  const rows = group.rows.map(({ contender, statements }, index) => {
    const summary = summaries[index] as Summary;
    const value = (spread: Spread | undefined, show: (value: number) => string) =>
      spread === undefined ? "-" : show(spread.median);
    const rate =
      summary.perSecond === undefined
        ? summary.isAbsent
          ? "-"
          : "void"
        : showSpread(summary.perSecond, showRate);
    const role = facts[contender]?.role;
    return [
      role === "ours" ? contender : `${contender} (${role})`,
      facts[contender]?.durability ?? "",
      rate,
      value(summary.p50, showMicroseconds),
      value(summary.p99, showMicroseconds),
      value(summary.client, showMicroseconds),
      ...(hasServer ? [value(summary.server, showMicroseconds)] : []),
      ...(hasStatements
        ? [statements === undefined ? "-" : (statements * 1000).toFixed(statements < 0.01 ? 1 : 0)]
        : []),
      ...variants.map((variant) => {
        const pair = pairs.find(
          ({ ours, other }) => other === contender && (ours === variant || ours === `${variant} + JSON`),
        );
        return pair === undefined ? "" : showPair(pair);
      }),
    ];
  });
  const failures = group.rows.flatMap(({ contender }, index) => {
    const { failure } = summaries[index] as Summary;
    return failure === undefined ? [] : [`${contender}: void, ${failure}`];
  });
  return {
    title: `${group.store}: ${describeGroup(group)}`,
    rows: [
      [
        "",
        "survives",
        "a second",
        "p50",
        "p99",
        "CPU",
        ...(hasServer ? ["server CPU"] : []),
        ...(hasStatements ? ["statements for 1000"] : []),
        ...variants.map((variant) => `${variant} / it`),
      ],
      ...rows,
    ],
    notes: failures,
  };
}

export const LEGEND = `Median (min–max) of the rounds; p50 and p99 of a call; CPU time of a call, in the process and in the server.
statements for 1000: those that the server carries out for so many calls, counted in a pass of its own.
survives: memory, nothing; process, kill -9; flushed, power failure. "-": it has no such operation.
all, entries and deleteExpired: sessions a second, a call taking all of them.
/ it: how many times as many a second ours makes, ratio round by round; beside peers ours with JSON, beside limits on
bytes; [in brackets]: the two do not promise the same durability; !: differs by more than 30 % from the other run;
?: the other run does not have it.`;

/** All tables of what was measured. */
export function tablesOf(results: Results, comparison?: Comparison): Table[] {
  const groups = groupCells(results.cells);
  const grown = [...new Set(results.growth.map(({ store }) => store))];
  return [
    ...groups.map((group) => tableOf(group, results, comparison)),
    ...[...byStore(groups).values()].flatMap((each) => [
      ...headlines(each, results, comparison),
      ...latencies(each, results),
    ]),
    ...grown.map((store) => growthTable(store, results.growth)),
    ...(results.processes.length > 0 ? [processesTable(results.processes)] : []),
    ...(results.cleanup.length > 0 ? [cleanupTable(results.cleanup)] : []),
    ...groupHttp(results.http).map((rows) => httpTable(rows, comparison)),
  ];
}

export function byStore(groups: readonly CellGroup[]): Map<string, CellGroup[]> {
  const stores = new Map<string, CellGroup[]>();
  for (const group of groups) stores.set(group.store, [...(stores.get(group.store) ?? []), group]);
  return stores;
}

/** The cells that are void, with their reasons. */
export function failuresOf(results: Results): string[] {
  const ofCells = results.cells.flatMap(({ store, contender, operation, inFlight, rounds }) => {
    const { failure } = summarise(rounds);
    return failure === undefined
      ? []
      : [`${store}: ${contender}, ${operation}, ${inFlight} in flight: ${failure}`];
  });
  const ofHttp = results.http.flatMap(({ contender, stack, route, rounds }) => {
    const { failure } = summarise(rounds);
    return failure === undefined ? [] : [`HTTP: ${contender}, ${stack}, ${route}: ${failure}`];
  });
  const rest = [...results.growth, ...results.processes, ...results.cleanup].flatMap(
    ({ store, sessions, rounds }) =>
      rounds.flatMap((round) =>
        "failure" in round ? [`${store}, ${sessions} sessions: ${round.failure}`] : [],
      ),
  );
  return [...ofCells, ...ofHttp, ...rest];
}
