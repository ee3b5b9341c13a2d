import {
  type Handle,
  ignoredByTrigger,
  inTransaction,
  type Parameter,
  type Row,
  type Step,
} from "./handle.js";

/**
 * A `Database` of better-sqlite3 or bun:sqlite, or a `DatabaseSync` of node:sqlite, as far as the types of all of them
 * agree under every TypeScript.
 */
export interface SyncDatabase {
  prepare(sql: string): object;
  exec(sql: string): unknown;
  close(): unknown;
}

interface Statement {
  all(...parameters: Parameter[]): Row[];
  get(...parameters: Parameter[]): Row | undefined | null;
  /** Runs a statement that returns no rows. */
  run(...parameters: Parameter[]): { changes: number | bigint };
  /** better-sqlite3: whether the statement returns rows; `all` throws otherwise. */
  readonly reader?: boolean;
}

interface Database {
  prepare(sql: string): Statement;
  close(): unknown;
  /** Whether a transaction is open: better-sqlite3 and bun:sqlite. */
  readonly inTransaction?: boolean;
  /** The same: node:sqlite, from Node.js 22.16 on. */
  readonly isTransaction?: boolean;
}

const NO_STATUS =
  "db must tell whether a transaction is open: node:sqlite does from Node.js 22.16 on (isTransaction)";
const NO_STATEMENT = "db must prepare statements that have the methods all and run, and answer at once";

export function isSyncDatabase(db: object): db is SyncDatabase {
  const { prepare, exec, close } = db as Partial<SyncDatabase>;
  return [prepare, exec, close].every((method) => typeof method === "function");
}

/** A handle that answers at once, on the calling thread: one statement a record costs next to nothing. */
export class SyncHandle implements Handle {
  readonly hasTransactions = true; // from BEGIN to COMMIT nobody else has a turn
  readonly #db: Database;
  readonly #isOwned: boolean;
  readonly #statements: Map<string, Statement> = new Map();
  #mustRollBack = false;

  /** @throws TypeError if the handle cannot do what the store relies on. */
  constructor(db: SyncDatabase, isOwned: boolean) {
    this.#db = db as Database;
    this.#isOwned = isOwned;
    assertUsable(this.#db, isOwned);
  }

  async all(sql: string, ...parameters: Parameter[]): Promise<Row[]> {
    return this.#rows(sql, parameters);
  }

  async run(sql: string, ...parameters: Parameter[]): Promise<Row[]> {
    this.#assertNoTransaction();
    return this.#rows(sql, parameters);
  }

  async read(step: Step): Promise<Row[]> {
    this.#rollBack();
    if (step.rows.length === 1 || this.#isInTransaction) return this.#readEach(step);
    return this.#inTransaction("BEGIN", () => this.#readEach(step));
  }

  async write(steps: readonly Step[], written: Set<unknown>): Promise<void> {
    this.#assertNoTransaction();
    if (steps.length === 1 && steps[0]?.rows.length === 1) return this.#writeEach(steps[0], written);
    this.#inTransaction("BEGIN IMMEDIATE", () => {
      for (const step of steps) this.#writeEach(step, written);
    });
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

  /** A write within the app's transaction would be undone by a rollback of the app's: it waits as for another connection's lock. */
  #assertNoTransaction(): void {
    this.#rollBack();
    if (this.#isInTransaction) throw inTransaction();
  }

  #inTransaction<T>(begin: string, work: () => T): T {
    try {
      this.#rows(begin, []);
      const result = work();
      this.#rows("COMMIT", []);
      return result;
    } catch (error) {
      this.#mustRollBack = true;
      this.#rollBack();
      throw error;
    }
  }

  /** Rolls back a transaction of the store's that has failed: else what is written next would be part of it. */
  #rollBack(): void {
    if (!this.#mustRollBack) return;
    try {
      this.#rows("ROLLBACK", []);
    } catch {
      // SQLite has rolled back already after some errors; if it has not, the next call tries again.
    }
    this.#mustRollBack = this.#isInTransaction;
  }

  /** Of one token there is one row at most: to ask for an array of rows would take half as long again. */
  #readEach({ statement, rows, tail }: Step): Row[] {
    const prepared = this.#prepared(statement(1));
    const found: Row[] = [];
    for (const row of rows) {
      const result = prepared.get(...row, ...tail);
      if (result) found.push(result);
    }
    return found;
  }

  /**
   * Writes record by record and asks for the number of changes, never for rows: a statement that returns rows is
   * committed, or fails to, only after its last row, and `get` stops at the first without looking.
   */
  #writeEach({ statement, rows, tail, asks }: Step, written: Set<unknown>): void {
    const prepared = this.#prepared(statement(1));
    for (const row of rows) {
      if (Number(prepared.run(...row, ...tail).changes) > 0) written.add(row[0]);
      else if (asks === "all") throw ignoredByTrigger();
    }
  }

  #rows(sql: string, parameters: readonly Parameter[]): Row[] {
    const statement = this.#prepared(sql);
    if (statement.reader !== false) return statement.all(...parameters);
    statement.run(...parameters);
    return [];
  }

  #prepared(sql: string): Statement {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#db.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}

/** Asks an open handle for a setting, which SQLite answers without a look at the file. */
function assertUsable(db: Database, isOwned: boolean): void {
  let statement: Statement;
  let rows: unknown;
  try {
    if (!isOwned && db.inTransaction === undefined && db.isTransaction === undefined)
      throw new TypeError(NO_STATUS);
    statement = db.prepare("PRAGMA busy_timeout");
    if (typeof statement?.all !== "function" || typeof statement.run !== "function")
      throw new TypeError(NO_STATEMENT);
    rows = statement.all();
  } catch (error) {
    if ([NO_STATUS, NO_STATEMENT].includes((error as Error).message)) throw error;
    return; // a handle that is closed, or busy: each call says so, and may succeed later
  }
  const [row] = Array.isArray(rows) ? rows : [];
  if (typeof row !== "object" || Array.isArray(row)) throw new TypeError("db must return rows as objects");
}
