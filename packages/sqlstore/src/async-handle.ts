import type { Handle, Parameter, Row, Step } from "./handle.js";

type Callback = (error: Error | null) => void;
type RowsCallback = (error: Error | null, rows: Row[]) => void;

interface Sqlite3Statement {
  all(parameters: readonly Parameter[], callback: RowsCallback): unknown;
  finalize(): unknown;
}

/** What the store uses of a `Database` of the `sqlite3` package. */
export interface Sqlite3Database {
  readonly open?: boolean;
  prepare(sql: string, callback: Callback): Sqlite3Statement;
  wait(callback: () => void): unknown;
  parallelize(): unknown;
  close(callback: Callback): void;
}

export function isSqlite3Database(db: object | null | undefined): db is Sqlite3Database {
  const { prepare, wait, parallelize } = (db ?? {}) as Partial<Sqlite3Database>;
  return [prepare, wait, parallelize].every((method) => typeof method === "function");
}

/**
 * A handle of the `sqlite3` package. Each statement takes a trip to a thread of the pool, about 25 µs, so that one
 * statement does the work for all records of a step.
 */
export class AsyncHandle implements Handle {
  readonly hasTransactions: boolean;
  readonly #isOwned: boolean;
  readonly #db: Sqlite3Database;
  readonly #busyTimeoutMs: number;
  readonly #statements: Map<string, Sqlite3Statement> = new Map();

  constructor(
    db: Sqlite3Database,
    { isOwned, busyTimeoutMs }: Readonly<{ isOwned: boolean; busyTimeoutMs: number }>,
  ) {
    this.#db = db;
    this.hasTransactions = isOwned;
    this.#isOwned = isOwned;
    this.#busyTimeoutMs = busyTimeoutMs;
  }

  async all(sql: string, ...parameters: Parameter[]): Promise<Row[]> {
    if (!this.#db.open) await this.#opened();
    return new Promise((resolve, reject) => {
      // `all` steps on to the end: `get` and `run` would leave a row behind, and with it a read transaction open.
      this.#prepared(sql, reject).all(parameters, (error, rows) => (error ? reject(error) : resolve(rows)));
    });
  }

  read({ statement, rows, tail }: Step): Promise<Row[]> {
    return this.all(statement(rows.length), ...rows.flat(), ...tail);
  }

  async write(steps: readonly Step[]): Promise<Row[][]> {
    const [only, ...others] = steps as [Step, ...Step[]];
    if (others.length === 0) return [await this.read(only)];
    await this.all("BEGIN IMMEDIATE");
    try {
      const results: Row[][] = [];
      for (const step of steps) results.push(await this.read(step));
      await this.all("COMMIT");
      return results;
    } catch (error) {
      await this.all("ROLLBACK").catch(() => undefined); // SQLite has rolled back already after some errors
      throw error;
    }
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

  #prepared(sql: string, onFailure: (error: Error) => void): Sqlite3Statement {
    const kept = this.#statements.get(sql);
    if (kept !== undefined) return kept;
    let hasFailed = false;
    // Calls of a statement whose preparation failed are never answered: the failure is their answer.
    const statement = this.#db.prepare(sql, (error) => {
      if (!error) return;
      hasFailed = true;
      this.#statements.delete(sql);
      onFailure(error);
    });
    if (!hasFailed) this.#statements.set(sql, statement);
    return statement;
  }

  /** Waits for a handle that is still being opened. One that could not be opened would never answer at all. */
  async #opened(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(
        () =>
          reject(
            Object.assign(new Error("the database handle has not been opened"), { code: "SQLITE_MISUSE" }),
          ),
        this.#busyTimeoutMs,
      );
      this.#db.wait(() => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}
