import { report, type SessionEntry, StoreError } from "@scs/core";
import {
  type Answer,
  type Backend,
  type Batch,
  type Call,
  type Removal,
  removeInBatches,
} from "@scs/core/kit";
import type { Connection, Connections } from "./connection/connections.js";
import {
  againOnConflict,
  ignoredByTrigger,
  isDamage,
  isLost,
  isUntranslatable,
  mayConcernOneRecord,
  toStoreError,
} from "./connection/driver-error.js";
import type { IdleErrors } from "./connection/idle-errors.js";
import type { PgResult } from "./connection/pool.js";
import { type Pages, readPages } from "./pages.js";
import { RecordReader } from "./record-reader.js";
import { type SessionTable, statementOf } from "./session-table.js";
import { snapshot } from "./snapshot.js";
import { parametersOf } from "./wire/parameters.js";
import { fromEpoch, timestamp } from "./wire/timestamp.js";

export interface PgBackendOptions {
  timeoutMs: number;
  /** The app's clock; `undefined` for the database's. */
  now: (() => number) | undefined;
  onError: (error: StoreError) => void;
}

/** Number of workers per lane: the store encodes and decodes while the server executes another statement. */
const WORKERS = 3;
/** Minimum number of calls before a batch is split into two statements. */
const MIN_SHARE = 16;
/** Maximum number of attempts of a find that loses its connection: after a server restart, the pool has several dead ones. */
const MAX_ATTEMPTS = 5;
/** Target time in ms that a batch of a cleanup holds its row locks. */
const CLEANUP_MS = 10;

/** Executes batches on a PostgreSQL table: one statement per batch, on up to six connections of the app's pool. */
export class PgBackend implements Backend {
  readonly queue: NonNullable<Backend["queue"]>;
  readonly #connections: Connections;
  readonly #table: SessionTable;
  readonly #reader: RecordReader;
  readonly #idleErrors: IdleErrors;
  readonly #options: PgBackendOptions;

  constructor(
    connections: Connections,
    table: SessionTable,
    options: PgBackendOptions & { idleErrors: IdleErrors },
  ) {
    this.#connections = connections;
    this.#table = table;
    this.#options = options;
    this.#idleErrors = options.idleErrors;
    this.#reader = new RecordReader(table);
    const { timeoutMs } = options;
    const common = { workers: WORKERS, minShare: MIN_SHARE };
    this.queue = {
      // Separate lanes, so that no find waits for the flush of a write.
      lanes: [
        { ...common, kinds: ["find"], extraBytes: () => this.#reader.averageBytes },
        { ...common, groupOf: statementOf },
      ],
      execute: (batch) => this.#execute(batch),
      mayConcernOneCall: mayConcernOneRecord,
      answerFailure: (call, error) => this.#answerFailure(call, error),
      lateMessage: (isTaken) =>
        isTaken
          ? `the server gave no answer within ${timeoutMs} ms; whether a write under way takes effect is unknown`
          : connections.lateMessage,
    };
  }

  /** Reads pages of about 1 MiB. Each is a statement of its own, so that the server can vacuum in between. */
  pages(): AsyncGenerator<SessionEntry[], void> {
    const run: Pages["run"] = (statement, ...values) =>
      this.#connections.run(statement, [...values, ...this.#nowValue()]);
    return readPages(this.#table, { run, onDamage: (error) => this.#reportDamage(error) });
  }

  /** Reads a snapshot of one instant, in one transaction. If a record cannot be read, reads page by page instead. */
  async all(): Promise<Map<string, Uint8Array>> {
    try {
      return await againOnConflict(() => snapshot(this.#connections, this.#table, this.#nowValue()));
    } catch (error) {
      if (!isDamage(error)) throw error;
      const live = new Map<string, Uint8Array>();
      for await (const page of this.pages()) for (const { token, data } of page) live.set(token, data);
      return live;
    }
  }

  /**
   * Each batch continues from the last expiry: the index still contains the removed rows, and skipping them each time
   * would take longer and longer. Leaves rows that others have locked to the next cleanup.
   */
  removeExpired(isOver: () => boolean): AsyncGenerator<Removal, void> {
    let from = Number.NEGATIVE_INFINITY;
    const removeNext = async (limit: number): Promise<{ removed: number; isLast: boolean }> => {
      const values = [timestamp(from), String(limit), ...this.#nowValue()];
      const { rows } = await this.#connections.run(this.#table.deleteExpired, values);
      const [count, epoch] = rows[0] as [string, string | null];
      const removed = Number(count);
      if (epoch !== null) from = fromEpoch(epoch) - 1; // the last expiry was truncated to a ms
      return { removed, isLast: removed < limit || epoch === null || isOver() };
    };
    return removeInBatches({ batchMs: CLEANUP_MS, removeNext });
  }

  close(): void {
    this.#idleErrors.stop();
  }

  toStoreError(error: unknown): StoreError {
    return toStoreError(error, this.#table.name);
  }

  async #execute(batch: Batch): Promise<readonly Answer[]> {
    const connection = await this.#connections.acquire(true);
    const calls = batch.take();
    let deadline = 0; // the latest deadline of the calls; nobody waits for the statement after it
    for (const call of calls) if (call.deadline > deadline) deadline = call.deadline;
    try {
      if (calls.length === 0) return [];
      return await (calls[0]?.kind === "find"
        ? this.#find(connection, calls, deadline)
        : this.#write(connection, calls, deadline));
    } finally {
      this.#connections.release(connection);
    }
  }

  async #find(connection: Connection, calls: readonly Call[], deadline: number): Promise<readonly Answer[]> {
    const read = (on: Connection): Promise<readonly Answer[]> =>
      this.#reader.read(calls, (statement, isBinary) => this.#run(on, statement, calls, deadline, isBinary));
    for (let attempt = 1, current = connection; ; attempt++) {
      try {
        return await read(current);
      } catch (error) {
        if (!isLost(error) || attempt === MAX_ATTEMPTS) throw error;
      } finally {
        if (current !== connection) this.#connections.release(current);
      }
      current = await this.#connections.acquire(); // repeating a read is harmless
    }
  }

  async #write(connection: Connection, calls: readonly Call[], deadline: number): Promise<readonly Answer[]> {
    const [{ kind }] = calls as readonly [Call];
    // Sorted by token on every host, so that lock orders cannot form a cycle.
    const sorted = calls.toSorted((a, b) => (a.token < b.token ? -1 : 1));
    const statement = this.#table[statementOf(calls[0] as Call)];
    const { rows, rowCount } = await this.#run(connection, statement, sorted, deadline);
    if (kind === "delete") return calls.map(() => undefined);
    if (kind === "commit") {
      if (rowCount !== null && rowCount < calls.length) throw ignoredByTrigger();
      return calls.map(() => undefined);
    }
    const written = new Set(rows.map(([token]) => token));
    return calls.map(({ token }) => written.has(token));
  }

  #run(
    connection: Connection,
    statement: SessionTable["find"],
    calls: readonly Call[],
    deadline: number,
    isBinary = false,
  ): Promise<PgResult> {
    const { now } = this.#options;
    return againOnConflict(() =>
      this.#connections.query(
        connection,
        calls.length === 1 ? statement.one : statement.many,
        parametersOf(calls, now),
        isBinary,
        deadline,
      ),
    );
  }

  #answerFailure(call: Call, error: unknown): Answer {
    const { kind } = call;
    const isInsert = kind === "replace" && call.previous === undefined;
    if (isUntranslatable(error) && kind !== "commit" && !isInsert)
      return kind === "find" || kind === "delete" ? undefined : false;
    if (isDamage(error) && (kind === "find" || (kind === "replace" && !isInsert))) {
      this.#reportDamage(error);
      return kind === "find" ? undefined : false;
    }
    return this.toStoreError(error);
  }

  /** Reports a damaged record, which ends this one session. */
  #reportDamage(error: unknown): void {
    const message =
      "pgstore: the server cannot read a session, which counts as absent; its row is left in place";
    const { cause } = this.toStoreError(error);
    report(this.#options.onError, new StoreError("CORRUPT", message, { cause }));
  }

  #nowValue(): Buffer[] {
    const { now } = this.#options;
    return now === undefined ? [] : [timestamp(now())];
  }
}
