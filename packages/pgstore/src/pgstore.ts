import {
  assertData,
  assertExpiry,
  assertToken,
  CleanupScheduler,
  type FullStore,
  isToken,
  MAX_DELAY_MS,
  type SessionEntry,
  type SessionRecord,
  StoreError,
  type StoreOptions,
  warnOncePerCode,
} from "@scs/core";
import type { Content } from "./call.js";
import { CallQueue } from "./call-queue.js";
import { Connections } from "./connection/connections.js";
import { isDamage, toStoreError } from "./connection/driver-error.js";
import { IdleErrors } from "./connection/idle-errors.js";
import { assertPool, type PgPool, type PgResult } from "./connection/pool.js";
import { RecordBatches } from "./record-batches.js";
import { SessionTable, type Statement } from "./session-table.js";
import { snapshot } from "./snapshot.js";
import { sweep } from "./sweep.js";
import { assertTable } from "./table-check.js";
import { type CreateTableOptions, createTable } from "./table-creation.js";
import { type Pages, walk } from "./walk.js";
import { timestamp } from "./wire/timestamp.js";

export interface PgStoreOptions extends StoreOptions {
  /** @default 300_000 */
  cleanupIntervalMs?: number;
  /** The table's schema; without it, the connections' `search_path` says. Quoted: any name will do. */
  schema?: string;
  /** The table's name. Quoted: any name will do. @default "sessions" */
  table?: string;
  /** How long to wait for a connection, and then for the answer to a statement; 1 to 2^31 - 1. @default 5000 */
  timeoutMs?: number;
  /** Whether connections keep statements prepared. PgBouncer older than 1.21 needs `false`. @default true */
  prepare?: boolean;
}

const NOTHING: Content = {};
/** Far more than a session has, and little enough for the driver, whose strings end at 512 MiB. */
const MAX_DATA_BYTES: number = 128 * 2 ** 20;

/**
 * Keeps sessions in a table of a PostgreSQL database, on the app's pool. Does no I/O on construction: see
 * `createTable`. Goes by the database's clock, unless it is given another.
 *
 * A write that rejects with `UNAVAILABLE` because the connection was lost, or the answer late, may have taken effect,
 * or yet do so: no driver can know. It is not repeated, so that it is behind no later write's back.
 *
 * @throws RangeError or TypeError on construction, if an option is out of range or `pool` is no pool.
 */
export class PgStore implements FullStore {
  readonly #connections: Connections;
  readonly #names: { schema: string | undefined; table: string };
  readonly #table: SessionTable;
  readonly #batches: RecordBatches;
  readonly #queue: CallQueue;
  readonly #now: (() => number) | undefined;
  readonly #cleanup: CleanupScheduler;
  readonly #idleErrors: IdleErrors;
  readonly #tasks: Set<Promise<unknown>> = new Set();
  #disposing: Promise<void> | undefined;

  constructor(pool: PgPool, options: PgStoreOptions = {}) {
    const {
      cleanupIntervalMs = 300_000,
      schema,
      table = "sessions",
      timeoutMs = 5000,
      prepare = true,
    } = options;
    assertPool(pool);
    if (!Number.isInteger(timeoutMs) || timeoutMs < 1 || timeoutMs > MAX_DELAY_MS) {
      throw new RangeError(
        `timeoutMs must be a whole number from 1 to ${MAX_DELAY_MS}, got ${String(timeoutMs)}`,
      );
    }
    if (typeof prepare !== "boolean") throw new TypeError(`prepare must be a boolean, got ${typeof prepare}`);
    const onError = options.onError ?? warnOncePerCode();
    this.#now = options.now;
    this.#names = { schema, table };
    this.#table = new SessionTable(this.#names, this.#now === undefined ? "the database's" : "the app's");
    this.#connections = new Connections(pool, {
      timeoutMs,
      prepare,
      assertFirst: (connection) => assertTable(this.#connections, connection, this.#table),
    });
    this.#batches = new RecordBatches(this.#connections, this.#table, { now: this.#now, onError });
    this.#queue = new CallQueue(this.#connections, this.#batches, timeoutMs);
    this.#cleanup = new CleanupScheduler(this, { cleanupIntervalMs, onError });
    this.#idleErrors = new IdleErrors(pool, onError);
  }

  /**
   * Creates the table and its index, and the schema, unless they are there. All instances of an app may do so at once.
   *
   * @throws StoreError `UNAVAILABLE` if the server cannot be reached, or the user lacks the privilege.
   */
  async createTable(options: CreateTableOptions = {}): Promise<void> {
    this.#assertOpen();
    await this.#task(async () => {
      await createTable(this.#connections, this.#names, options);
      this.#connections.release(await this.#connections.acquire()); // says what is wrong with a table that was there
    });
  }

  async find(token: string): Promise<SessionRecord | undefined> {
    this.#assertOpen();
    return isToken(token) ? this.#queue.call<SessionRecord | undefined>("find", token, NOTHING) : undefined;
  }

  async commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    this.#assertOpen();
    assertToken(token);
    await this.#queue.call<void>("commit", token, { data: copy(data), expiry: time(expiry) });
  }

  async delete(token: string): Promise<void> {
    this.#assertOpen();
    if (isToken(token)) await this.#queue.call<void>("delete", token, NOTHING);
  }

  async replace(
    token: string,
    previous: Uint8Array | undefined,
    data: Uint8Array,
    expiry: Date,
  ): Promise<boolean> {
    this.#assertOpen();
    const content = { data: copy(data), expiry: time(expiry) };
    const before = previous === undefined ? undefined : copy(previous);
    if (!isToken(token)) return false;
    if (before === undefined) return this.#queue.call<boolean>("insert", token, content);
    return this.#queue.call<boolean>("update", token, { ...content, previous: before });
  }

  async touch(token: string, expiry: Date): Promise<boolean> {
    this.#assertOpen();
    const content = { expiry: time(expiry) };
    return isToken(token) && this.#queue.call<boolean>("touch", token, content);
  }

  /** By pages of about 1 MiB, each a statement of its own: no walk keeps the server from tidying up. */
  async *entries(): AsyncIterableIterator<SessionEntry> {
    this.#assertOpen();
    const run = (statement: Statement, values: (string | Buffer)[]): Promise<PgResult> => {
      this.#assertOpen(); // a walk that disposal has cut short must not look like a complete one
      return this.#tracked(() => this.#connections.run(statement, [...values, ...this.#nowValue()]));
    };
    const pages: Pages = {
      read: (cursor, rows, bytes) => run(this.#table.page, [cursor, String(rows), String(bytes)]),
      skip: (cursor, error) => {
        this.#batches.reportDamage(error);
        return run(this.#table.nextToken, [cursor]);
      },
    };
    try {
      for await (const entry of walk(pages)) yield entry;
    } catch (error) {
      throw toStoreError(error, this.#table.name);
    }
    this.#assertOpen();
  }

  /** A snapshot of one instant: the pages of one transaction. Without it, if there is a record that cannot be read. */
  async all(): Promise<Map<string, Uint8Array>> {
    this.#assertOpen();
    try {
      return await this.#task(() => snapshot(this.#connections, this.#table, this.#nowValue()));
    } catch (error) {
      if (!isDamage((error as StoreError).cause)) throw error;
      const live = new Map<string, Uint8Array>();
      for await (const { token, data } of this.entries()) live.set(token, data);
      return live;
    }
  }

  async deleteExpired(): Promise<number> {
    this.#assertOpen();
    return this.#task(() =>
      sweep(
        (from, rows) =>
          this.#connections.run(this.#table.deleteExpired, [
            timestamp(from),
            String(rows),
            ...this.#nowValue(),
          ]),
        () => this.#disposing !== undefined,
      ),
    );
  }

  async stopCleanup(): Promise<void> {
    await this.#cleanup.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#dispose();
    await this.#disposing;
  }

  #assertOpen(): void {
    if (this.#disposing !== undefined)
      throw new StoreError("CLOSED", "pgstore: the store has been disposed of; open a new one");
  }

  /** Does what concerns many records, when the calls made before it have been answered. */
  async #task<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await this.#tracked(work);
    } catch (error) {
      throw toStoreError(error, this.#table.name);
    }
  }

  async #tracked<T>(work: () => Promise<T>): Promise<T> {
    const task = this.#queue.answered().then(work);
    this.#tasks.add(task);
    try {
      return await task;
    } finally {
      this.#tasks.delete(task);
    }
  }

  #nowValue(): Buffer[] {
    return this.#now === undefined ? [] : [timestamp(this.#now())];
  }

  async #dispose(): Promise<void> {
    await this.#cleanup.stop();
    await this.#queue.answered();
    await Promise.allSettled(this.#tasks);
    this.#idleErrors.stop();
  }
}

function copy(data: unknown): Uint8Array {
  assertData(data);
  if (data.length > MAX_DATA_BYTES)
    throw new StoreError("INVALID_ARGUMENT", `pgstore: data must be at most ${MAX_DATA_BYTES} bytes`);
  return Buffer.from(data);
}

function time(expiry: unknown): number {
  assertExpiry(expiry);
  return expiry.getTime();
}
