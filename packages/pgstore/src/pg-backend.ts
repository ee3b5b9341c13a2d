import { report, type SessionEntry, StoreError } from "@scs/core";
import {
  type Answer,
  type Backend,
  type Batch,
  type Call,
  type Removal,
  removeInBatches,
} from "@scs/core/kit";
import { againOnConflict, type Connection, type Connections } from "./connection/connections.js";
import {
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
  /** The app's clock; without it, the database's. */
  now: (() => number) | undefined;
  onError: (error: StoreError) => void;
}

/** While the server works on one statement, the next is made up, or the last taken apart. */
const WORKERS = 3;
/** Fewer calls than these are not worth two statements. */
const MIN_SHARE = 16;
/** Number of attempts of a find that loses its connection: after a restart of the server, the pool has several dead ones. */
const MAX_ATTEMPTS = 5;
/** About how long a batch of a cleanup holds the locks of its rows. */
const CLEANUP_MS = 10;

/** Sessions in a table of PostgreSQL: each batch is one statement, on one of up to six connections of the app's pool. */
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
      // Apart, so that no find waits for a write to be flushed.
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

  /** By pages of about 1 MiB, each a statement of its own: no walk keeps the server from tidying up. */
  pages(): AsyncGenerator<SessionEntry[], void> {
    const run: Pages["run"] = (statement, ...values) =>
      this.#connections.run(statement, [...values, ...this.#nowValue()]);
    return readPages(this.#table, { run, onDamage: (error) => this.#reportDamage(error) });
  }

  /** A snapshot of one instant: the pages of one transaction. Without it, if there is a record that cannot be read. */
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
   * Each batch goes on from the last expiry: the index still has what the batches before have removed, and to skip it
   * each time would take longer and longer. Rows that others have locked are left for the next cleanup.
   */
  removeExpired(isOver: () => boolean): AsyncGenerator<Removal, void> {
    let from = Number.NEGATIVE_INFINITY;
    const removeNext = async (limit: number): Promise<{ removed: number; isLast: boolean }> => {
      const values = [timestamp(from), String(limit), ...this.#nowValue()];
      const { rows } = await this.#connections.run(this.#table.deleteExpired, values);
      const [count, epoch] = rows[0] as [string, string | null];
      const removed = Number(count);
      if (epoch !== null) from = fromEpoch(epoch) - 1; // not behind the last, which is finer than a ms
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
    let deadline = 0; // after the latest of the calls, nobody waits for the statement
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
      current = await this.#connections.acquire(); // reads do no harm if they are repeated
    }
  }

  async #write(connection: Connection, calls: readonly Call[], deadline: number): Promise<readonly Answer[]> {
    const [{ kind }] = calls as readonly [Call];
    // By token, on every host: who waits for a lock holds none that comes after it.
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

  /** One bad sector logs out one user, loudly, and nobody else. */
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
