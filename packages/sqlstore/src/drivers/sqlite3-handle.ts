import { withTimeout } from "@scs/core/kit";
import {
  type Handle,
  ignoredByTrigger,
  inTransaction,
  type Parameter,
  type Row,
  type Step,
} from "./handle.js";

type Callback = (error: Error | null) => void;
type RowsCallback = (error: Error | null, rows: Row[]) => void;

interface Statement {
  all(parameters: readonly Parameter[], callback: RowsCallback): unknown;
  run(
    parameters: readonly Parameter[],
    callback: (this: { changes: number }, error: Error | null) => void,
  ): unknown;
  reset(callback: () => void): unknown;
  finalize(): unknown;
}

/** A `Database` of the `sqlite3` package. */
export interface Sqlite3Database {
  prepare(sql: string, callback: (error: Error | null) => void): object;
  wait(callback: () => void): unknown;
  parallelize(): unknown;
  close(callback: (error: Error | null) => void): unknown;
}

interface Database extends Sqlite3Database {
  readonly open?: boolean;
  prepare(sql: string, callback: Callback): Statement;
}

export function isSqlite3Database(db: object): db is Sqlite3Database {
  const { prepare, wait, parallelize } = db as Partial<Sqlite3Database>;
  return [prepare, wait, parallelize].every((method) => typeof method === "function");
}

/** Runs one piece of work after the other. */
class Turns {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(work);
    this.#last = turn.catch(() => undefined);
    return turn;
  }
}

/**
 * Serializes the writes of each connection, also those of several stores. SQLite commits no statement while another write
 * of the connection is active, and a write that met a lock is active until it is reset. A concurrent write would be answered
 * before its commit.
 */
const writesOf = new WeakMap<object, Turns>();

/**
 * A handle of the `sqlite3` package. Each statement costs a round trip to a thread, about 25 µs, so one statement handles
 * all records of a step.
 */
export class Sqlite3Handle implements Handle {
  readonly hasTransactions: boolean;
  readonly #isOwned: boolean;
  readonly #db: Database;
  readonly #busyTimeoutMs: number;
  readonly #statements: Map<string, Statement> = new Map();
  #mustRollBack = false;
  /** Number of statements in flight outside of a transaction. */
  #inFlight = 0;
  #onIdle: (() => void) | undefined;
  /** Resolves when the open transaction has ended. */
  #transaction: Promise<void> | undefined;
  readonly #writes: Turns;

  constructor(
    db: Sqlite3Database,
    { isOwned, busyTimeoutMs }: Readonly<{ isOwned: boolean; busyTimeoutMs: number }>,
  ) {
    this.#db = db as Database;
    this.hasTransactions = isOwned;
    this.#isOwned = isOwned;
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#writes = writesOf.get(db) ?? new Turns();
    writesOf.set(db, this.#writes);
  }

  async all(sql: string, ...parameters: Parameter[]): Promise<Row[]> {
    await this.#ready();
    this.#inFlight++;
    try {
      return await this.#all(sql, parameters);
    } finally {
      if (--this.#inFlight === 0) this.#onIdle?.();
    }
  }

  async #all(sql: string, parameters: readonly Parameter[]): Promise<Row[]> {
    if (!this.#db.open) await this.#opened();
    return new Promise((resolve, reject) => {
      const statement = this.#prepared(sql, reject);
      // `all` steps to the end, where SQLite commits. `get` and `run` stop early and leave the transaction open.
      statement.all(parameters, (error, rows) => {
        if (!error) resolve(rows);
        // A statement that met a lock stays active, and the connection commits nothing until the statement is reset.
        else statement.reset(() => reject(error));
      });
    });
  }

  run(sql: string, ...parameters: Parameter[]): Promise<Row[]> {
    return this.#writes.run(async () => {
      if (!this.#isOwned && (await this.#isInTransaction())) throw inTransaction();
      return this.all(sql, ...parameters);
    });
  }

  /**
   * Detects an open transaction of the app, which the driver does not report: the error of a VACUUM that cannot run says
   * so. Misses a transaction that begins at the same moment.
   */
  async #isInTransaction(): Promise<boolean> {
    const error = await this.all("VACUUM INTO 1").catch((thrown: unknown) => thrown);
    return /within a transaction/.test(String((error as Error).message));
  }

  read({ statement, rows, tail }: Step): Promise<Row[]> {
    return this.all(statement(rows.length), ...rows.flat(), ...tail);
  }

  write(steps: readonly Step[], written: Set<unknown>): Promise<void> {
    return this.#writes.run(async () => {
      await this.#ready();
      const [only, ...others] = steps as [Step, ...Step[]];
      if (others.length === 0) return this.#writeStep(only, written);
      return this.#alone(this.#writeAll(steps, written));
    });
  }

  /** Makes the store's other statements wait: they must neither see uncommitted changes nor be rolled back with them. */
  #alone(work: Promise<void>): Promise<void> {
    const ended = (): void => {
      this.#transaction = undefined;
    };
    this.#transaction = work.then(ended, ended);
    return work;
  }

  /** Waits until the connection has no open transaction. */
  async #ready(): Promise<void> {
    while (this.#transaction !== undefined || this.#mustRollBack) {
      if (this.#transaction !== undefined) await this.#transaction;
      else await this.#alone(this.#rollBack());
    }
  }

  async #writeAll(steps: readonly Step[], written: Set<unknown>): Promise<void> {
    // The driver runs statements in threads, in any order: an earlier statement could run after BEGIN.
    if (this.#inFlight > 0)
      await new Promise<void>((resolve) => {
        this.#onIdle = resolve;
      });
    try {
      await this.#all("BEGIN IMMEDIATE", []);
      for (const step of steps) await this.#writeStep(step, written);
      await this.#all("COMMIT", []);
    } catch (error) {
      this.#mustRollBack = true;
      await this.#rollBack().catch(() => undefined); // the next call tries again
      throw error;
    }
  }

  /** Rolls back a failed transaction of the store. Otherwise later writes would become part of it. */
  async #rollBack(): Promise<void> {
    if (!this.#mustRollBack) return;
    await this.#all("ROLLBACK", []).catch((error: Error) => {
      if (!/no transaction is active/.test(error.message)) throw error;
    });
    this.#mustRollBack = false;
  }

  release(): void {
    for (const statement of this.#statements.values()) statement.finalize();
    this.#statements.clear();
  }

  async close(): Promise<void> {
    if (!this.#isOwned) return;
    await new Promise<void>((resolve, reject) => {
      this.#db.close((error) => (error ? reject(error) : resolve()));
    });
  }

  async #writeStep({ statement, rows, tail, asks }: Step, written: Set<unknown>): Promise<void> {
    const sql = statement(rows.length);
    const parameters = [...rows.flat(), ...tail];
    if (asks === "which") {
      for (const { token } of await this.#all(`${sql} RETURNING token`, parameters)) written.add(token);
    } else if ((await this.#changes(sql, parameters)) < rows.length && asks === "all")
      throw ignoredByTrigger();
  }

  /** Runs a statement that returns no rows, so that its first step commits. Returns the number of changes. */
  async #changes(sql: string, parameters: readonly Parameter[]): Promise<number> {
    if (!this.#db.open) await this.#opened();
    return new Promise((resolve, reject) => {
      const statement = this.#prepared(sql, reject);
      statement.run(parameters, function (error) {
        if (error) statement.reset(() => reject(error));
        else resolve(this.changes);
      });
    });
  }

  #prepared(sql: string, onFailure: (error: Error) => void): Statement {
    const kept = this.#statements.get(sql);
    if (kept !== undefined) return kept;
    let hasFailed = false;
    // If a statement cannot be prepared, its calls never answer. The failure of the preparation answers them.
    const statement = this.#db.prepare(sql, (error) => {
      if (!error) return;
      hasFailed = true;
      this.#statements.delete(sql);
      onFailure(error);
    });
    if (!hasFailed) this.#statements.set(sql, statement);
    return statement;
  }

  /** Waits for a handle that is being opened. If opening fails, the driver never calls back. */
  async #opened(): Promise<void> {
    const opened = new Promise<void>((resolve) => this.#db.wait(resolve));
    const message = "the database handle has not been opened";
    await withTimeout(opened, this.#busyTimeoutMs, () =>
      Object.assign(new Error(message), { code: "SQLITE_MISUSE" }),
    );
  }
}
