import type { Durability, Role } from "../harness/contender.js";
import type { Task } from "./operation.js";
import type { Outcome } from "./outcome.js";

/** A cell: one contender, one task, one size of session. Round by round. */
export interface Cell extends Task {
  contender: string;
  /** Size of a session in bytes. */
  size: number;
  rounds: Outcome[];
}

/** Facts about a contender. */
export interface Facts {
  role: Role;
  takes: "bytes" | "objects";
  durability: Durability;
  version?: string;
  note?: string;
}

/** The results of one store and its contenders. */
export interface StoreResults {
  /** When the run began. */
  date: string;
  machine: string;
  /** Versions of Node.js and of the servers. */
  versions: Record<string, string>;
  /** Number of sessions. */
  sessions: number;
  contenders: Record<string, Facts>;
  cells: Cell[];
  /** Contenders that were not measured, with the reason. */
  skipped: string[];
}

/** The file that `--json` writes: the latest results by store. */
export interface Results {
  format: 2;
  stores: Record<string, StoreResults>;
}

/** @throws RangeError if the text is no such file */
export function parseResults(text: string, file: string): Results {
  try {
    const results = JSON.parse(text) as Results;
    if (results.format === 2) return results;
  } catch {
    // reported below
  }
  throw new RangeError(`${file} has no results of this benchmark`);
}

/** Formats results with one line a cell, and figures of four digits: more than the noise leaves. */
export function formatResults(results: Results): string {
  const round = (_key: string, value: unknown) =>
    typeof value === "number" ? Number(value.toPrecision(4)) : value;
  return `${JSON.stringify(results, round).replaceAll(/\{"(?=contender"|store"|\w+store":)/g, "\n$&")}\n`;
}
