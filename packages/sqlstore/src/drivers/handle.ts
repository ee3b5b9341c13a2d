import type { RecordStatement } from "../session-table.js";

/** A value that every driver can bind. */
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
  /** Which outcome the caller needs: the written records, a proof that all were written, or nothing. */
  asks: "which" | "all" | "nothing";
}

/** A database of any driver, with the operations that the store needs. Rejects with the driver's errors. */
export interface Handle {
  /**
   * Whether several steps can share a transaction. False on a `sqlite3` handle that the app uses as well: the app's
   * statements would become part of the transaction, and be rolled back with it.
   */
  readonly hasTransactions: boolean;
  /** Runs a reading statement, and returns its rows. */
  all(sql: string, ...parameters: Parameter[]): Promise<Row[]>;
  /** Runs a writing statement, and returns its rows after the commit. Rejects as busy during a transaction of the app. */
  run(sql: string, ...parameters: Parameter[]): Promise<Row[]>;
  /** Reads the records of a step. */
  read(step: Step): Promise<Row[]>;
  /**
   * Writes all steps or none. After the commit, adds to `written` the tokens written by steps that ask `"which"`. Takes
   * more than one step only if it `hasTransactions`. Rejects as busy during a transaction of the app.
   */
  write(steps: readonly Step[], written: Set<unknown>): Promise<void>;
  /** Finalizes the prepared statements: `sqlite3` cannot close a database that has any. */
  release(): void;
  /** Closes the database if the store opened it. */
  close(): Promise<void>;
}

/** Creates the error for a record that was not written although SQLite reported no error. */
export function ignoredByTrigger(): Error {
  return Object.assign(new Error("a trigger ignores the session"), { code: "SQLITE_CONSTRAINT_TRIGGER" });
}

/** Creates the error for a write during a transaction of the app: busy, as for a lock of another connection. */
export function inTransaction(): Error {
  return Object.assign(new Error("the app has a transaction open on the handle"), { code: "SQLITE_BUSY" });
}
