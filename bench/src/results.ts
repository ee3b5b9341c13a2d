import type { Outcome } from "./cell.js";
import type { CleanupRow } from "./cleanup.js";
import type { Durability } from "./contender.js";
import type { Role } from "./families.js";
import type { GrowthRow } from "./growth.js";
import type { HttpRow } from "./http.js";
import type { Machine } from "./machine.js";
import type { Operation } from "./operation.js";
import type { ProcessesRow } from "./processes.js";
import { ratios, type Spread, spread } from "./statistics.js";

/** What a cell is about. */
export interface CellKey {
  /** The family. */
  store: string;
  contender: string;
  operation: Operation;
  sessions: number;
  size: number;
  inFlight: number;
}

/** A cell with all that was measured, round by round; the rounds of all contenders of a family belong together. */
export interface CellRow extends CellKey {
  /** When the run began that has measured it: rounds of two runs do not belong together. */
  run?: string;
  rounds: Outcome[];
  /** Of a database server, for one call; counted in a pass of its own. */
  statements?: number | undefined;
}

export interface ContenderFacts {
  role: Role;
  takes: string;
  durability: Durability;
  version?: string;
  note?: string;
}

/** The file that `--json` writes. */
export interface Results {
  format: 1;
  /** When the run began; of a file that was added to, the first run. */
  date: string;
  machine: Machine;
  versions: Record<string, string>;
  /** By family, then by name. */
  contenders: Record<string, Record<string, ContenderFacts>>;
  cells: CellRow[];
  growth: GrowthRow[];
  processes: ProcessesRow[];
  cleanup: CleanupRow[];
  /** Whole applications. */
  http: HttpRow[];
  /** What was not measured, and why. */
  skipped: string[];
}

export const keyOf = ({ store, contender, operation, sessions, size, inFlight }: CellKey): string =>
  JSON.stringify([store, contender, operation, sessions, size, inFlight]);

export const httpKeyOf = ({ store, contender, stack, route, connections }: HttpRow): string =>
  JSON.stringify([store, contender, stack, route, connections]);

/** A cell for the tables. */
export interface Summary {
  /** No figures, since a round failed; or since the contender does not have the operation. */
  failure?: string;
  isAbsent?: boolean;
  perSecond?: Spread;
  p50?: Spread;
  p99?: Spread;
  client?: Spread;
  server?: Spread;
}

/** A cell in which one round failed is void: what is wrong now and then is not fast. */
export function summarise(rounds: readonly Outcome[]): Summary {
  const figures = [];
  for (const outcome of rounds) {
    if ("failure" in outcome) return { failure: outcome.failure };
    if ("isAbsent" in outcome) return { isAbsent: true };
    figures.push(outcome);
  }
  const summary: Summary = {};
  for (const key of ["perSecond", "p50", "p99", "client", "server"] as const) {
    const values = figures.flatMap((each) => each[key] ?? []);
    if (values.length === rounds.length && values.length > 0) summary[key] = spread(values);
  }
  return summary;
}

const rates = (rounds: readonly Outcome[]) =>
  rounds.map((outcome) => ("perSecond" in outcome ? outcome.perSecond : Number.NaN));

/** A cell, or an application. */
type Measured = Pick<CellRow, "run" | "rounds">;

/** How many times as fast one is as the other, round by round; nothing if they were not measured side by side. */
export function rateRatio(ours: Measured, theirs: Measured): Spread | undefined {
  return ours.run === theirs.run ? ratios(rates(ours.rounds), rates(theirs.rounds)) : undefined;
}

/** @throws RangeError if they are different machines */
export function assertSame(earlier: Machine, newer: Machine): void {
  const [one, other] = [JSON.stringify(earlier), JSON.stringify(newer)];
  if (one !== other)
    throw new RangeError(`--add: that file was measured on another machine, ${one}; this one is ${other}`);
}

/**
 * Adds what the one has to the other; where both have the same cell, the newer one counts.
 *
 * @throws RangeError if they were measured on different machines
 */
export function merge(earlier: Results, newer: Results): Results {
  assertSame(earlier.machine, newer.machine);
  const merged = <Row>(key: (row: Row) => string, one: readonly Row[], other: readonly Row[]): Row[] => [
    ...new Map([...one, ...other].map((row) => [key(row), row])).values(),
  ];
  const contenders = { ...earlier.contenders };
  for (const [store, facts] of Object.entries(newer.contenders))
    contenders[store] = { ...contenders[store], ...facts };
  return {
    format: 1,
    date: earlier.date,
    machine: newer.machine,
    versions: { ...earlier.versions, ...newer.versions },
    contenders,
    cells: merged(keyOf, earlier.cells, newer.cells),
    growth: merged(
      ({ store, sessions, size }) => `${store} ${sessions} ${size}`,
      earlier.growth,
      newer.growth,
    ),
    processes: merged(
      ({ store, operation, processes, sessions, size }) =>
        `${store} ${operation} ${processes} ${sessions} ${size}`,
      earlier.processes,
      newer.processes,
    ),
    cleanup: merged(({ sessions, size }) => `${sessions} ${size}`, earlier.cleanup, newer.cleanup),
    http: merged(httpKeyOf, earlier.http, newer.http),
    skipped: [...new Set([...earlier.skipped, ...newer.skipped])],
  };
}

/** Reads what {@link formatResults} made. @throws Error if it is something else */
export function parseResults(text: string, file: string): Results {
  const results: Results = JSON.parse(text);
  if (results?.format !== 1 || !Array.isArray(results.cells))
    throw new Error(`${file} is no file that --json has written`);
  return results;
}

/** One line for each cell: a file that can be compared line by line. Four digits are all that a figure is worth. */
export function formatResults({ cells, growth, processes, cleanup, http, ...head }: Results): string {
  const line = (row: unknown) =>
    JSON.stringify(row, (_key, value) =>
      typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(4)) : value,
    );
  const lines = (rows: readonly unknown[]) =>
    rows.length === 0 ? "[]" : `[\n    ${rows.map(line).join(",\n    ")}\n  ]`;
  const text = JSON.stringify(head, undefined, 2).replace(/\n}$/, "");
  const parts = Object.entries({ cells, growth, processes, cleanup, http });
  return `${text},\n${parts.map(([name, rows]) => `  "${name}": ${lines(rows)}`).join(",\n")}\n}\n`;
}
