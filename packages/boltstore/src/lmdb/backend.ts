import { statSync } from "node:fs";
import { join } from "node:path";
import { type SessionEntry, type SessionRecord, StoreError } from "@scs/core";
import { type Answer, type Backend, type Call, decideBatch, OpenFiles, withTimeout } from "@scs/core/kit";
import type { RootDatabase } from "lmdb";
import { toStoreError } from "./lmdb-error.js";
import { encodeRecord } from "./record.js";
import { Sessions } from "./sessions.js";
import { TransactionError, Transactions } from "./transactions.js";

export interface LmdbBackendOptions {
  untilFlushed: boolean;
  busyTimeoutMs: number;
  /** Whether to close the database on disposal. */
  isOwner: boolean;
  onError: (error: StoreError) => void;
  now: () => number;
}

/** Keeps sessions in an LMDB database: reads synchronously, and writes all calls in flight in one transaction. */
export class LmdbBackend implements Backend {
  readonly queue: NonNullable<Backend["queue"]>;
  readonly #db: RootDatabase;
  readonly #sessions: Sessions;
  readonly #transactions: Transactions;
  readonly #files: OpenFiles;
  readonly #options: LmdbBackendOptions;
  #indexing: Promise<unknown> | undefined;
  #closing: Promise<void> | undefined;

  /** @throws StoreError `UNAVAILABLE` if the databases cannot be opened. */
  constructor(db: RootDatabase, options: LmdbBackendOptions) {
    this.#db = db;
    this.#options = options;
    this.#sessions = new Sessions(db, options);
    this.#files = new OpenFiles(pathsOf((db as RootDatabase & { path?: string }).path ?? ""), lostFiles);
    this.#transactions = new Transactions(db, this.#files, options);
    this.queue = {
      batchIs: "sequence",
      lanes: [{ maxCalls: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY }], // bounded by a slice of time
      execute: (batch) => this.#transactions.run(() => decideBatch(batch, (call) => this.#decide(call))),
      mayConcernOneCall: (error) => error instanceof TransactionError && error.mayConcernOneCall,
      lateMessage: (isTaken) => (isTaken ? undefined : this.#lockMessage()),
    };
    // The index of a new database is complete at once. In one with sessions, the first cleanup completes it.
    if (!this.#sessions.isIndexed()) {
      this.#indexing = this.#transactions
        .run(() => this.#sessions.index.build(undefined))
        .catch(() => undefined);
    }
  }

  findNow(token: string): SessionRecord | undefined {
    this.#files.assertNotLost();
    return this.#sessions.find(Buffer.from(token));
  }

  /** Reads page by page: while a view of the database is open, LMDB reuses no freed pages, and the file grows. */
  *pages(): Generator<Iterable<SessionEntry>, void> {
    this.#files.assertNotLost();
    let page = this.#sessions.page(undefined);
    while (page.length > 0) {
      yield this.#sessions.liveOf(page);
      page = this.#sessions.page(page.at(-1)?.key);
    }
  }

  /** Reads a snapshot in one step. */
  all(): Map<string, Uint8Array> {
    this.#files.assertNotLost();
    return this.#sessions.all();
  }

  async *removeExpired(isOver: () => boolean): AsyncGenerator<number, void> {
    const { index } = this.#sessions;
    for (let last: Buffer | undefined; !this.#sessions.isIndexed(); yield 0) {
      last = await this.#transactions.run(() => (isOver() ? undefined : index.build(last)));
    }
    // Checked first, to take the write lock only when needed.
    while (this.#sessions.isCleanupDue()) {
      yield await this.#transactions.run(() => (isOver() ? 0 : index.removeExpired(this.#options.now())));
    }
  }

  async close(): Promise<void> {
    this.#closing ??= this.#close();
    await withTimeout(this.#closing, this.#options.busyTimeoutMs, () => this.#lateError());
  }

  toStoreError(error: unknown): StoreError {
    return toStoreError(error);
  }

  async #close(): Promise<void> {
    await this.#indexing;
    await this.#transactions.recover();
    if (!this.#options.isOwner) return;
    try {
      // The driver still waits for the lock, even for a write that has timed out, and closes after it.
      await this.#db.close();
    } catch (cause) {
      throw toStoreError(cause, "the database cannot be closed");
    }
  }

  #lateError(): StoreError {
    const { isOwner, busyTimeoutMs } = this.#options;
    const lock = this.#lockMessage();
    const rest = isOwner ? "; the database is closed when it lets go" : "";
    const message = lock ? lock + rest : `the database could not be closed within ${busyTimeoutMs} ms`;
    return new StoreError("UNAVAILABLE", `boltstore: ${message}`);
  }

  /** Returns the message for work that has run out of time, if it waited for the write lock. */
  #lockMessage(): string | undefined {
    const { busyTimeoutMs } = this.#options;
    return this.#transactions.waitedMs > busyTimeoutMs / 2
      ? `another process has kept the write lock for ${busyTimeoutMs} ms`
      : undefined;
  }

  #decide(call: Call): Answer {
    const { kind, token } = call;
    const key = Buffer.from(token);
    switch (kind) {
      case "find":
        return this.#sessions.find(key);
      case "commit":
        return this.#sessions.write(key, encodeRecord(call.data, call.expiry));
      case "delete":
        return this.#sessions.remove(key);
      case "replace":
        return this.#sessions.replace(key, call.previous, encodeRecord(call.data, call.expiry));
      case "touch":
        return this.#sessions.touch(key, call.expiry);
    }
  }
}

/** Returns the paths of the data and lock files of a database, whose path is a file or their directory. */
function pathsOf(path: string): string[] {
  if (path === "") return [];
  const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory();
  return isDirectory ? [join(path, "data.mdb"), join(path, "lock.mdb")] : [path, `${path}-lock`];
}

/** Without the common lock file, other processes would write at the same time. */
const lostFiles = (): StoreError =>
  new StoreError(
    "UNAVAILABLE",
    "boltstore: the file, or its lock file, was removed or replaced; dispose of this store, and open it anew",
  );
