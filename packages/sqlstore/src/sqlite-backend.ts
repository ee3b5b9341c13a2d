import { isUint8Array } from "node:util/types";
import { isToken, report, type SessionEntry, type SessionRecord, StoreError } from "@scs/core";
import {
  type Answer,
  type Backend,
  type Batch,
  type Call,
  OpenFiles,
  type Removal,
  removeInBatches,
  TimeSlice,
} from "@scs/core/kit";
import { mayConcernOneRecord, resultCode, toStoreError } from "./drivers/driver-error.js";
import type { Handle, Parameter, Row } from "./drivers/handle.js";
import { LockWait } from "./drivers/lock-wait.js";
import { fromJulianDay, MAX_JULIAN_DAY, toJulianDay } from "./julian-day.js";
import type { SessionTable } from "./session-table.js";
import { stepsOf } from "./steps.js";

export interface SqliteBackendOptions {
  busyTimeoutMs: number;
  /** Time limit of a call, from the moment it was made. */
  timeoutMs: number;
  now: () => number;
  onError: (error: StoreError) => void;
}

/** Maximum size of a batch, which limits its memory and the growth of the log per transaction. */
const MAX_BYTES = 4 * 2 ** 20;
const PAGE_ROWS = 500;
const PAGE_BYTES = 2 ** 20;
/** Target time in ms that a batch of a cleanup holds the lock and, with a synchronous driver, the event loop. */
const CLEANUP_MS = 2;

/** Executes batches on a SQLite table: finds in one statement or read transaction, writes in one transaction. */
export class SqliteBackend implements Backend {
  readonly queue: NonNullable<Backend["queue"]>;
  readonly #handle: Handle;
  readonly #table: SessionTable;
  readonly #options: SqliteBackendOptions;
  readonly #lock: LockWait;
  readonly #slice: TimeSlice = new TimeSlice();
  /** The database file; `undefined` before the first write. */
  #file: OpenFiles | undefined;

  constructor(handle: Handle, table: SessionTable, options: SqliteBackendOptions) {
    this.#handle = handle;
    this.#table = table;
    this.#options = options;
    this.#lock = new LockWait(options);
    // Without transactions, each kind of call is a transaction of its own, and one of them may fail.
    const grouping = handle.hasTransactions ? {} : { groupOf: ({ kind }: Call) => kind };
    this.queue = {
      lanes: [{ kinds: ["find"] }, { maxBytes: MAX_BYTES, ...grouping }],
      execute: (batch) => this.#execute(batch),
      mayConcernOneCall: mayConcernOneRecord,
      answerFailure: (call, error) => this.#answerFailure(call, error),
      lateMessage: (isTaken) => this.#lock.lateMessage(isTaken),
    };
  }

  /** Creates the table and its index if they are missing. */
  async createTable(): Promise<void> {
    this.#file ??= await this.#findFile();
    for (const sql of this.#table.create) await this.#lock.wait(() => this.#handle.run(sql));
  }

  /** Reads pages of about 1 MiB. Each is a short read of its own, so that SQLite can reset its log in between. */
  async *pages(): AsyncGenerator<SessionEntry[], void> {
    let cursor: Uint8Array = Buffer.alloc(0);
    for (;;) {
      const now = this.#now();
      const [measured] = await this.#read(this.#table.measurePage, cursor, now, PAGE_ROWS, PAGE_BYTES);
      const limit = Math.max(1, Number(measured?.count)); // a record larger than a page is a page of its own
      const rows = await this.#read(this.#table.page, cursor, now, limit);
      yield this.#entries(rows);
      if (rows.length < limit) return;
      cursor = rows.at(-1)?.cursor as Uint8Array;
    }
  }

  /** Reads a snapshot of one instant, by one statement. */
  async all(): Promise<Map<string, Uint8Array>> {
    const rows = await this.#read(this.#table.all, this.#now());
    return new Map(this.#entries(rows).map(({ token, data }) => [token, data]));
  }

  removeExpired(isOver: () => boolean): AsyncGenerator<Removal, void> {
    const now = this.#now();
    const removeNext = async (limit: number): Promise<{ removed: number; isLast: boolean }> => {
      this.#file?.assertNotLost();
      const remove = (): Promise<Row[]> => this.#handle.run(this.#table.deleteExpired, now, limit);
      const { length } = await this.#lock.wait(remove);
      return { removed: length, isLast: length < limit || isOver() };
    };
    return removeInBatches({ batchMs: CLEANUP_MS, removeNext });
  }

  async close(): Promise<void> {
    this.#handle.release();
    await this.#handle.close();
  }

  toStoreError(error: unknown): StoreError {
    return toStoreError(error, this.#table.name);
  }

  /** Executes a batch whose calls have different tokens. Retries it later if another connection holds a lock. */
  async #execute(batch: Batch): Promise<readonly Answer[]> {
    if (this.#slice.isOver) await this.#slice.next(); // otherwise a synchronous driver would block the event loop
    const calls = await this.#lock.callsOf(batch);
    if (calls.length === 0) return [];
    try {
      const answers = await (calls[0]?.kind === "find" ? this.#find(calls) : this.#write(calls));
      this.#lock.isFree();
      return answers;
    } catch (error) {
      return this.#lock.retry(calls, error, () => this.toStoreError(error));
    }
  }

  async #find(calls: readonly Call[]): Promise<Answer[]> {
    this.#file?.assertNotLost();
    const step = {
      statement: this.#table.find,
      rows: calls.map(({ token }) => [token]),
      tail: [],
      asks: "which" as const,
    };
    const records = new Map<unknown, SessionRecord | undefined>();
    for (const row of await this.#handle.read(step)) records.set(row.token, this.#live(row));
    return calls.map(({ token }) => records.get(token));
  }

  async #write(calls: readonly Call[]): Promise<Answer[]> {
    this.#file ??= await this.#findFile();
    this.#file.assertNotLost();
    const steps = stepsOf(calls, this.#table, this.#now());
    const written = new Set<unknown>();
    await this.#handle.write(steps, written);
    this.#file.assertPresent(); // SQLite also writes to a removed file, where nobody would find the session
    return calls.map(({ kind, token }) =>
      kind === "commit" || kind === "delete" ? undefined : written.has(token),
    );
  }

  async #answerFailure({ kind }: Call, error: unknown): Promise<Answer> {
    const failure = this.toStoreError(error);
    const reads = kind === "find" || kind === "replace" || kind === "touch";
    if (resultCode(error) !== "CORRUPT" || !reads || !(await this.#canRead())) return failure;
    // A damaged page ends only the sessions on it, with a report.
    const message = `${failure.message}; a session on a damaged page counts as absent`;
    report(this.#options.onError, new StoreError("CORRUPT", message, { cause: failure.cause }));
    return kind === "find" ? undefined : false;
  }

  async #canRead(): Promise<boolean> {
    try {
      await this.#handle.all(this.#table.probe);
      return true;
    } catch {
      return false;
    }
  }

  #entries(rows: readonly Row[]): SessionEntry[] {
    const entries: SessionEntry[] = [];
    for (const row of rows) {
      const record = this.#live(row);
      // Rows of other programs may have an invalid token.
      if (record !== undefined && isToken(row.token)) entries.push({ token: row.token, ...record });
    }
    return entries;
  }

  /** Returns the record of a row if it is live, and reports a row whose values cannot be read. */
  #live({ data, expiry }: Row): SessionRecord | undefined {
    if (typeof expiry === "number" && expiry <= this.#now()) return undefined;
    if (typeof expiry !== "number" || !(expiry <= MAX_JULIAN_DAY) || !isUint8Array(data)) {
      const message = "sqlstore: data or expiry of a session has no readable value; its row is left in place";
      report(this.#options.onError, new StoreError("CORRUPT", message));
      return undefined;
    }
    // A plain Uint8Array, whose slice is a copy; slice of a Buffer shares its bytes.
    return {
      data: new Uint8Array(data.buffer, data.byteOffset, data.length),
      expiry: new Date(fromJulianDay(expiry)),
    };
  }

  #now(): number {
    return toJulianDay(this.#options.now());
  }

  /** Asks SQLite for the database file. A database in memory has none. */
  async #findFile(): Promise<OpenFiles> {
    const databases = await this.#handle.all("PRAGMA database_list");
    const path = databases.find(({ name }) => name === "main")?.file;
    return new OpenFiles(typeof path === "string" && path !== "" ? [path] : [], lostFile);
  }

  async #read(sql: string, ...parameters: Parameter[]): Promise<Row[]> {
    this.#file?.assertNotLost();
    return this.#lock.wait(() => this.#handle.all(sql, ...parameters));
  }
}

const lostFile = (): StoreError =>
  new StoreError(
    "UNAVAILABLE",
    "sqlstore: the database file was removed or replaced; dispose of this store, and open the file again",
  );
