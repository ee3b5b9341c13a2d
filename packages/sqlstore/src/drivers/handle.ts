import type { RecordStatement } from "../session-table.js";

/** A value that every driver binds. */
export type Parameter = string | number | Uint8Array | null;

/** A row of a result, by column name. */
export type Row = Record<string, unknown>;

/** One statement on many records. */
export interface Step {
  statement: RecordStatement;
  /** The parameters of each record; the token comes first. */
  rows: readonly (readonly Parameter[])[];
  /** The parameters after the rows. */
  tail: readonly Parameter[];
  /** What is asked about the records: which were written, that all were, or nothing. */
  asks: "which" | "all" | "nothing";
}

/** A driver's database as the store uses it. Rejects with the driver's own errors. */
export interface Handle {
  /**
   * Whether several steps can be one transaction. False on a handle that the app uses too: the app's statements would
   * become part of the transaction, and be rolled back with it.
   */
  readonly hasTransactions: boolean;
  /** Runs one statement that reads, and returns its rows. */
  all(sql: string, ...parameters: Parameter[]): Promise<Row[]>;
  /** Runs one statement that writes, and returns its rows once it is committed. Rejects as busy in a transaction of the app's. */
  run(sql: string, ...parameters: Parameter[]): Promise<Row[]>;
  /** Reads the records of a step. */
  read(step: Step): Promise<Row[]>;
  /**
   * Writes all steps or none, and adds to `written` the tokens that steps which ask for them wrote, once they are committed.
   * Takes more than one step only if it `hasTransactions`. Rejects as busy in a transaction of the app's.
   */
  write(steps: readonly Step[], written: Set<unknown>): Promise<void>;
  /** Finalizes the prepared statements: `sqlite3` closes no database that has any. */
  release(): void;
  /** Closes the database if the store opened it. */
  close(): Promise<void>;
}

/** Makes the error of a step of which all records must be written, and one is not, without an error of SQLite's. */
export function ignoredByTrigger(): Error {
  return Object.assign(new Error("a trigger ignores the session"), { code: "SQLITE_CONSTRAINT_TRIGGER" });
}

/** Makes the error of a write that would become part of a transaction of the app's: busy, as with another connection's lock. */
export function inTransaction(): Error {
  return Object.assign(new Error("the app has a transaction open on the handle"), { code: "SQLITE_BUSY" });
}
