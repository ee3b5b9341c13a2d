import {
  type Handle,
  ignoredByTrigger,
  inTransaction,
  type Parameter,
  type Row,
  type Step,
} from "./handle.js";

/**
 * A `Database` of better-sqlite3 or bun:sqlite, or a `DatabaseSync` of node:sqlite. Declares only members whose types are
 * compatible with all of them, under every supported TypeScript.
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
  /** Whether the statement returns rows. Only better-sqlite3 has it, whose `all` throws if it is false. */
  readonly reader?: boolean;
}

interface Database {
  prepare(sql: string): Statement;
  close(): unknown;
  /** Whether a transaction is open, on better-sqlite3 and bun:sqlite. */
  readonly inTransaction?: boolean;
  /** Whether a transaction is open, on node:sqlite from Node.js 22.16. */
  readonly isTransaction?: boolean;
}

const NO_STATUS = "db must report open transactions (isTransaction): node:sqlite does so from Node.js 22.16";
const NO_STATEMENT = "db must prepare statements with synchronous methods all and run";

export function isSyncDatabase(db: object): db is SyncDatabase {
  const { prepare, exec, close } = db as Partial<SyncDatabase>;
  return [prepare, exec, close].every((method) => typeof method === "function");
}

/** A handle of a synchronous driver. One statement per record is cheap here. */
export class SyncHandle implements Handle {
  readonly hasTransactions = true; // no other code runs between BEGIN and COMMIT
  readonly #db: Database;
  readonly #isOwned: boolean;
  readonly #statements: Map<string, Statement> = new Map();
  #mustRollBack = false;

  /** @throws TypeError if the handle lacks a feature that the store needs. */
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
    this.#statements.clear(); // garbage collection or closing finalizes them
  }

  async close(): Promise<void> {
    if (this.#isOwned) this.#db.close();
  }

  get #isInTransaction(): boolean {
    return this.#db.inTransaction ?? this.#db.isTransaction ?? false;
  }

  /** Refuses a write during the app's transaction, whose rollback would undo it. The write waits as for a lock. */
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

  /** Rolls back a failed transaction of the store. Otherwise later writes would become part of it. */
  #rollBack(): void {
    if (!this.#mustRollBack) return;
    try {
      this.#rows("ROLLBACK", []);
    } catch {
      // After some errors, SQLite has already rolled back. If it has not, the next call tries again.
    }
    this.#mustRollBack = this.#isInTransaction;
  }

  /** Reads row by row: a token has at most one row, and a query for an array of rows takes half as long again. */
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
   * Writes record by record, and reads the number of changes instead of rows. A statement with rows commits, or fails to,
   * only after its last row, but `get` stops after the first and ignores the failure.
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

/** Checks an open handle by reading a setting, which SQLite answers without accessing the file. */
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
    return; // a closed or busy handle: its calls fail by themselves, and may succeed later
  }
  const [row] = Array.isArray(rows) ? rows : [];
  if (typeof row !== "object" || Array.isArray(row)) throw new TypeError("db must return rows as objects");
}
