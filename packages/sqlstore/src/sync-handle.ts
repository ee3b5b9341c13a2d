import type { Handle, Parameter, Row, Step } from "./handle.js";

interface SyncStatement {
  /** better-sqlite3: whether the statement gives rows; `all` throws otherwise. */
  readonly reader?: boolean;
  all(...parameters: Parameter[]): unknown[];
  get(...parameters: Parameter[]): unknown;
  run(...parameters: Parameter[]): unknown;
}

/** What the store uses of a `Database` of better-sqlite3, or of a `DatabaseSync` of node:sqlite. */
export interface SyncDatabase {
  /** better-sqlite3: whether a transaction is open; node:sqlite, from Node.js 22.16 on, calls it `isTransaction`. */
  readonly inTransaction?: boolean;
  readonly isTransaction?: boolean;
  prepare(sql: string): SyncStatement;
  exec(sql: string): unknown;
  close(): unknown;
}

export function isSyncDatabase(db: object | null | undefined): db is SyncDatabase {
  const { prepare, exec, close } = (db ?? {}) as Partial<SyncDatabase>;
  return [prepare, exec, close].every((method) => typeof method === "function");
}

/** A handle that answers at once, on the thread that calls: each record is a statement, which costs next to nothing. */
export class SyncHandle implements Handle {
  readonly hasTransactions = true; // from BEGIN to COMMIT nobody else has a turn
  readonly #db: SyncDatabase;
  readonly #isOwned: boolean;
  readonly #statements: Map<string, SyncStatement> = new Map();

  constructor(db: SyncDatabase, isOwned: boolean) {
    this.#db = db;
    this.#isOwned = isOwned;
  }

  async all(sql: string, ...parameters: Parameter[]): Promise<Row[]> {
    return this.#run(sql, parameters);
  }

  async read(step: Step): Promise<Row[]> {
    if (step.rows.length === 1 || this.#isInTransaction) return this.#runEach(step);
    return this.#inTransaction("BEGIN", () => this.#runEach(step));
  }

  async write(steps: readonly Step[]): Promise<Row[][]> {
    if (this.#isInTransaction) {
      // What is written now would be undone if the app rolls back: it waits as for another connection's lock.
      throw Object.assign(new Error("the app has a transaction open on the handle"), { code: "SQLITE_BUSY" });
    }
    const [only, ...others] = steps as [Step, ...Step[]];
    if (others.length === 0 && only.rows.length === 1) return [this.#runEach(only)];
    return this.#inTransaction("BEGIN IMMEDIATE", () => steps.map((step) => this.#runEach(step)));
  }

  release(): void {
    this.#statements.clear(); // the collector finalizes them, and so does closing
  }

  async close(): Promise<void> {
    if (this.#isOwned) this.#db.close();
  }

  get #isInTransaction(): boolean {
    return this.#db.inTransaction ?? this.#db.isTransaction ?? false;
  }

  #inTransaction<T>(begin: string, work: () => T): T {
    this.#run(begin, []);
    try {
      const result = work();
      this.#run("COMMIT", []);
      return result;
    } catch (error) {
      try {
        this.#run("ROLLBACK", []);
      } catch {
        // SQLite has rolled back already after some errors.
      }
      throw error;
    }
  }

  #runEach({ statement, rows, tail }: Step): Row[] {
    const prepared = this.#prepared(statement(1));
    const results: Row[] = [];
    for (const row of rows) {
      // Of one record there is one row at most: to ask for an array of rows would take half as long again.
      if (prepared.reader === false) prepared.run(...row, ...tail);
      else {
        const result = prepared.get(...row, ...tail) as Row | undefined;
        if (result !== undefined) results.push(result);
      }
    }
    return results;
  }

  #run(sql: string, parameters: readonly Parameter[]): Row[] {
    return run(this.#prepared(sql), parameters);
  }

  #prepared(sql: string): SyncStatement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

function run(statement: SyncStatement, parameters: readonly Parameter[]): Row[] {
  if (statement.reader !== false) return statement.all(...parameters) as Row[];
  statement.run(...parameters);
  return [];
}
