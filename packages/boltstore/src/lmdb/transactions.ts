import { resolve } from "node:path";
import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers";
import { StoreError } from "@scs/core";
import type { OpenFiles } from "@scs/core/kit";
import type { RootDatabase } from "lmdb";
import { causeOf, isNoSpace, toStoreError } from "./lmdb-error.js";

/** An error of a transaction that was not committed. */
export class TransactionError extends StoreError {
  /** Whether one call may have failed the others, which were undone. */
  readonly mayConcernOneCall: boolean;

  constructor({ code, message, cause }: StoreError, mayConcernOneCall: boolean) {
    super(code, message, { cause });
    this.mayConcernOneCall = mayConcernOneCall;
  }
}

/** Runs work in write transactions of LMDB. */
export class Transactions {
  readonly #db: RootDatabase;
  readonly #path: string;
  readonly #files: OpenFiles;
  readonly #untilFlushed: boolean;
  /** When the last work began to wait for the write lock, by `performance.now()`. */
  #waitingSince: number | undefined;
  #hasFailed = false;

  constructor(db: RootDatabase, files: OpenFiles, { untilFlushed }: { untilFlushed: boolean }) {
    this.#db = db;
    this.#files = files;
    this.#path = resolve((db as RootDatabase & { path?: string }).path ?? ""); // the app may change its working directory
    this.#untilFlushed = untilFlushed;
  }

  /** Time that work has waited for the write lock of another process, in ms. */
  get waitedMs(): number {
    return this.#waitingSince === undefined ? 0 : performance.now() - this.#waitingSince;
  }

  /**
   * Runs `work` in a transaction, on the event loop, when the write lock is free. Resolves when the transaction is committed
   * or flushed. If `work` throws, undoes the transaction.
   *
   * @throws TransactionError `UNAVAILABLE`, and nothing has changed, if `work` throws, LMDB fails, or the disk is full. If
   *   the disk fails to flush, the change remains, and may not survive a power failure.
   */
  async run<T>(work: () => T): Promise<T> {
    let isUndone = true;
    this.#waitingSince ??= performance.now();
    try {
      // A child transaction: LMDB's own would commit the changes made before `work` throws.
      const committed = this.#db.childTransaction(() => {
        this.#waitingSince = undefined;
        this.#files.assertPresentLately(); // without a common lock file, another process may be writing now
        const result = work();
        isUndone = false;
        return result;
      });
      // The driver has another promise for each batch. Unhandled, its rejection would end the process.
      setImmediate(() => this.#db.committed.then(undefined, () => undefined));
      // Read now, `flushed` covers the transactions begun so far.
      const [result] = await Promise.all([committed, this.#untilFlushed ? this.#db.flushed : undefined]);
      this.#hasFailed = false;
      this.#files.assertPresent(); // a write to a removed file is no write
      return result;
    } catch (error) {
      this.#waitingSince = undefined;
      this.#hasFailed = true;
      const cause = await causeOf(error);
      const noSpace = isNoSpace(cause, this.#path);
      const what = noSpace ? "there is no space left on the disk" : undefined;
      throw new TransactionError(toStoreError(cause, what), isUndone || noSpace);
    }
  }

  /** Lets the database be closed: the driver waits for the flush of the last transaction, which never comes if it failed. */
  async recover(): Promise<void> {
    if (this.#hasFailed) await this.run(() => undefined).catch(() => undefined);
  }
}
