import { failureOf } from "./cell.js";
import { runInChild } from "./child.js";
import type { CleanupRequest } from "./cleanup-child.js";
import { databaseOn } from "./database.js";
import type { Site } from "./site.js";
import { type Spread, showSpread, spread } from "./statistics.js";
import type { Table } from "./table.js";

/** What a writer met that renewed sessions one after the other. */
export interface WriterFigures {
  writes: number;
  p99Ms: number;
  longestMs: number;
}

/** A sweep of pgstore over a large table, half of which has expired. */
export interface CleanupFigures {
  totalMs: number;
  /** How many it took, and how long. */
  statements: number;
  longestStatementMs: number;
  medianStatementMs: number;
  /** The writer alone, and beside the sweep. */
  before: WriterFigures;
  beside: WriterFigures;
  /** How often somebody waited for a lock for longer than {@link LOCK_WAIT_MS}, as the server has logged it. */
  lockWaits: number;
  vacuumMs: number;
}

export interface CleanupRow {
  store: "pgstore";
  sessions: number;
  size: number;
  rounds: (CleanupFigures | { failure: string })[];
}

const LOCK_WAIT_MS = 50;
const ALONE_MS = 3_000;
const LIMIT_MS = 600_000;
const SETTINGS = [
  `deadlock_timeout=${LOCK_WAIT_MS}ms`, // the server logs who waits for longer than this
  "log_lock_waits=on",
  "max_wal_size=4GB", // checkpoints while the table is filled are not what is measured
];

/** Sweeps tables of so many sessions. */
export async function measureCleanup(
  { sessions, size, rounds }: { sessions: readonly number[]; size: number; rounds: number },
  { servers, progress }: Site,
): Promise<CleanupRow[]> {
  const log: string[] = [];
  const server = await servers.get("postgres", { settings: SETTINGS, onLog: (line) => void log.push(line) });
  progress.start(sessions.length * rounds);
  const rows = sessions.map((count): CleanupRow => {
    return { store: "pgstore", sessions: count, size, rounds: [] };
  });
  for (let round = 0; round < rounds; round++) {
    for (const row of rows) {
      progress.step(`pgstore: cleanup of ${row.sessions} sessions`);
      log.length = 0;
      const database = await databaseOn("postgres", server.url);
      const request: CleanupRequest = { url: database.url, sessions: row.sessions, size, aloneMs: ALONE_MS };
      let figures: CleanupFigures | { failure: string } = { failure: "its process ended before its result" };
      try {
        await runInChild<Omit<CleanupFigures, "lockWaits">>("./cleanup-child.js", request, {
          onMessage: (message) => {
            const lockWaits = log.join("").match(/still waiting for/g)?.length ?? 0;
            figures = { ...message, lockWaits };
          },
          limitMs: LIMIT_MS,
        });
      } catch (error) {
        figures = failureOf(error);
      }
      row.rounds.push(figures);
      await database.drop();
    }
  }
  return rows;
}

/** One table for all sizes. */
export function cleanupTable(rows: readonly CleanupRow[]): Table {
  const show = (row: CleanupRow, figure: (figures: CleanupFigures) => number, digits: number) => {
    const values = row.rounds.flatMap((round) => ("failure" in round ? [] : figure(round)));
    if (values.length !== row.rounds.length || values.length === 0) return "void";
    const all: Spread = spread(values);
    return showSpread(all, (value) => value.toFixed(digits));
  };
  const lines: [string, (figures: CleanupFigures) => number, number][] = [
    ["in all, ms", (each) => each.totalMs, 0],
    ["statements", (each) => each.statements, 0],
    ["longest statement, ms", (each) => each.longestStatementMs, 1],
    ["median statement, ms", (each) => each.medianStatementMs, 1],
    ["a writer beside it: p99, ms", (each) => each.beside.p99Ms, 1],
    ["a writer beside it: longest, ms", (each) => each.beside.longestMs, 1],
    ["the same writer before: p99, ms", (each) => each.before.p99Ms, 1],
    ["the same writer before: longest, ms", (each) => each.before.longestMs, 1],
    [`waits for a lock over ${LOCK_WAIT_MS} ms`, (each) => each.lockWaits, 0],
    ["VACUUM afterwards, ms", (each) => each.vacuumMs, 0],
  ];
  return {
    title: `pgstore: deleteExpired of half of a table, ${rows[0]?.size} bytes each, median (min–max)`,
    rows: [
      ["sessions", ...rows.map(({ sessions }) => sessions.toLocaleString("en"))],
      ...lines.map(([name, figure, digits]) => [name, ...rows.map((row) => show(row, figure, digits))]),
    ],
  };
}
