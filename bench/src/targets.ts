import { type Comparison, markOf } from "./comparison.js";
import type { HttpRow } from "./http.js";
import type { Route, Stack } from "./http-contender.js";
import type { Operation } from "./operation.js";
import { type CellRow, type Results, rateRatio } from "./results.js";
import { type Spread, showRatio, showSpread } from "./statistics.js";
import type { Table } from "./table.js";

/** How many times as much ours is meant to do as another, at least. */
interface Target {
  store: string;
  /** The kind of the store, if not the first. */
  ours?: string;
  other: string;
  operations: readonly Operation[];
  inFlight: number;
  size?: number;
  atLeast: number;
}

const SIZE = 256;
const COMMIT = ["insert", "update"] as const;
const ALONE = ["find", "miss", "insert", "update", "touch", "delete"] as const;
const sqlite3 = { store: "sqlstore", other: "connect-sqlite3" };
const better = { ...sqlite3, ours: "sqlstore (better-sqlite3)" };
const pg = { store: "pgstore", other: "connect-pg-simple" };
const file = { store: "filestore", other: "session-file-store" };
const hybrid = { store: "hybridstore", inFlight: 64 };

const targets: readonly Target[] = [
  { store: "memstore", other: "MemoryStore", operations: ["find"], inFlight: 64, atLeast: 3 },
  { store: "memstore", other: "MemoryStore", operations: COMMIT, inFlight: 64, atLeast: 2.2 },
  { ...hybrid, other: "session-file-store", operations: ["find"], atLeast: 20 },
  { ...hybrid, other: "session-file-store", operations: COMMIT, atLeast: 35 },
  { ...hybrid, other: "raw lmdb", operations: COMMIT, atLeast: 3 },
  { ...hybrid, other: "map + synced log", operations: COMMIT, atLeast: 0.5 },
  { store: "boltstore", other: "raw lmdb", operations: ["find"], inFlight: 64, atLeast: 0.85 },
  { store: "boltstore", other: "raw lmdb", operations: COMMIT, inFlight: 64, atLeast: 0.6 },
  { store: "boltstore", other: "connect-sqlite3", operations: COMMIT, inFlight: 64, atLeast: 9 },
  { store: "boltstore", other: "connect-sqlite3", operations: ALONE, inFlight: 1, atLeast: 1 },
  { ...file, operations: ["find"], inFlight: 64, atLeast: 1.2 },
  { ...file, other: "session-file-store (retries)", operations: ["miss"], inFlight: 64, atLeast: 200 },
  { ...file, operations: COMMIT, inFlight: 64, atLeast: 1.5 },
  { ...file, ours: "filestore (committed)", operations: COMMIT, inFlight: 64, atLeast: 3 },
  { ...file, operations: ["deleteExpired"], inFlight: 1, atLeast: 10 },
  { ...sqlite3, operations: ["find"], inFlight: 64, atLeast: 3 },
  { ...sqlite3, operations: COMMIT, inFlight: 64, atLeast: 14 },
  { ...sqlite3, operations: ALONE, inFlight: 1, atLeast: 1 },
  { ...better, operations: ["find"], inFlight: 64, atLeast: 5 },
  { ...better, operations: COMMIT, inFlight: 64, atLeast: 18 },
  { ...better, operations: ALONE, inFlight: 1, atLeast: 1 },
  { ...pg, operations: ["find"], inFlight: 64, atLeast: 6 },
  { ...pg, operations: ["update"], inFlight: 64, atLeast: 9 },
  { ...pg, operations: ["delete"], inFlight: 64, atLeast: 8 },
  { ...pg, operations: ["find"], inFlight: 64, size: 2048, atLeast: 4 },
  { ...pg, operations: ["update"], inFlight: 64, size: 2048, atLeast: 4.5 },
  { ...pg, operations: ALONE, inFlight: 1, atLeast: 1 },
];

const httpTargets: readonly { stack: Stack; atLeast: number }[] = [
  { stack: "node:http", atLeast: 1.5 },
  { stack: "Express 5", atLeast: 1.15 },
];
const ROUTES: readonly Route[] = ["read", "modify", "idle"];

interface Reading {
  ratio: Spread;
  /** What is put behind it: whether the other run agrees. */
  mark: string;
  /** The median of the other run. */
  again: number | undefined;
}

function show(reading: Reading | undefined): string {
  if (reading === undefined) return "-";
  const { ratio, mark, again } = reading;
  const second = again === undefined ? "" : `; ${showRatio(again)}`;
  return `${showSpread(ratio, showRatio)}${second}${mark}`;
}

/** Beside a peer, equal work decides: what is measured on bytes saves the JSON that the peer cannot. */
function verdict(withJson: Reading | undefined, onBytes: Reading | undefined, atLeast: number): string {
  const ratio = (withJson ?? onBytes)?.ratio.median ?? Number.NaN;
  if (ratio >= atLeast) return "reached";
  const isOnBytes = withJson !== undefined && onBytes !== undefined && onBytes.ratio.median >= atLeast;
  return `**missed by ${Math.max(1, Math.round((1 - ratio / atLeast) * 100))} %**${isOnBytes ? "; reached on bytes" : ""}`;
}

/** What was aimed at, and what was measured: with and without the time for JSON, which a peer takes in any case. */
export function targetsTable(results: Results, comparison?: Comparison): Table {
  return {
    title:
      "Targets: times as many a second as another, median (min–max) of the ratios of the rounds; median of the second run",
    rows: [
      ["", "beside", "target", "with JSON", "on bytes", ""],
      ...targets.flatMap((target) => rowsOf(target, results, comparison)),
      ...httpTargets.flatMap((target) => httpRowsOf(target, results.http, comparison)),
    ],
  };
}

function rowsOf(target: Target, { cells, contenders }: Results, comparison?: Comparison): string[][] {
  const { store, ours = store, other, operations, inFlight, size = SIZE, atLeast } = target;
  const facts = contenders[store] ?? {};
  return operations.flatMap((operation) => {
    const find = (contender: string) =>
      cells.find(
        (cell) =>
          cell.store === store &&
          cell.contender === contender &&
          cell.operation === operation &&
          cell.inFlight === inFlight &&
          cell.size === size,
      );
    const theirs = find(other);
    const read = (mine: CellRow | undefined): Reading | undefined => {
      const ratio = mine && theirs && rateRatio(mine, theirs);
      return (
        ratio && {
          ratio,
          mark: markOf(comparison?.agrees(mine, theirs), comparison),
          again: comparison?.median(mine, theirs),
        }
      );
    };
    const withJson = facts[other]?.takes === "objects" ? read(find(`${ours} + JSON`)) : undefined;
    const onBytes = read(find(ours));
    if (withJson === undefined && onBytes === undefined) return [];
    const isEqual = facts[ours]?.durability === facts[other]?.durability;
    return [
      [
        `${ours}: ${operation}, ${inFlight} in flight${size === SIZE ? "" : `, ${size} bytes`}`,
        `${other}${isEqual ? "" : ` (survives: ${facts[other]?.durability}; ours: ${facts[ours]?.durability})`}`,
        String(atLeast),
        show(withJson),
        show(onBytes),
        verdict(withJson, onBytes, atLeast),
      ],
    ];
  });
}

function httpRowsOf(
  { stack, atLeast }: (typeof httpTargets)[number],
  http: readonly HttpRow[],
  comparison?: Comparison,
): string[][] {
  return ROUTES.flatMap((route) => {
    const find = (contender: string) =>
      http.find((row) => row.contender === contender && row.stack === stack && row.route === route);
    const [mine, theirs] = [find("@scs/session on memstore"), find("express-session on MemoryStore")];
    if (mine === undefined || theirs === undefined) return [];
    const ratio = rateRatio(mine, theirs);
    if (ratio === undefined) return [];
    const reading = {
      ratio,
      mark: markOf(comparison?.agreesOverHttp(mine, theirs), comparison),
      again: comparison?.medianOverHttp(mine, theirs),
    };
    return [
      [
        `@scs/session on memstore: ${stack}, ${route}`,
        "express-session on MemoryStore",
        String(atLeast),
        show(reading),
        "-",
        verdict(reading, undefined, atLeast),
      ],
    ];
  });
}
