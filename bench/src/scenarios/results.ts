import type { Durability, Role } from "../harness/contender.js";
import type { Task } from "./operation.js";
import type { Outcome } from "./outcome.js";

/** The outcomes, by round, of one contender, task and session size. */
export interface Cell extends Task {
  contender: string;
  /** Size of a session in bytes. */
  size: number;
  rounds: Outcome[];
}

/** A contender as the results describe it. */
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

/** Parses the file of `--json`. @throws RangeError if it is something else */
export function parseResults(text: string, file: string): Results {
  try {
    const results = JSON.parse(text) as Results;
    if (results.format === 2) return results;
  } catch {
    // reported below
  }
  throw new RangeError(`${file} has no results of this benchmark`);
}

/** Formats results with one line per cell and four significant digits, which is finer than the noise. */
export function formatResults(results: Results): string {
  const round = (_key: string, value: unknown) =>
    typeof value === "number" ? Number(value.toPrecision(4)) : value;
  return `${JSON.stringify(results, round).replaceAll(/\{"(?=contender"|store"|\w+store":)/g, "\n$&")}\n`;
}
