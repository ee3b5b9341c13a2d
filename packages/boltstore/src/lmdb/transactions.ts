import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers";
import { StoreError } from "@scs/core";
import type { RootDatabase } from "lmdb";
import { causeOf, isNoSpace, toStoreError } from "./lmdb-error.js";
import type { OpenFiles } from "./open-files.js";

/** The error of a transaction that was not committed. */
export class TransactionError extends StoreError {
  /** Whether a part of the work may have failed the rest of it, which was undone. */
  readonly mayConcernOneCall: boolean;

  constructor({ code, message, cause }: StoreError, mayConcernOneCall: boolean) {
    super(code, message, { cause });
    this.mayConcernOneCall = mayConcernOneCall;
  }
}

/** Runs work in LMDB's write transactions. */
export class Transactions {
  readonly #db: RootDatabase;
  readonly #path: string;
  readonly #files: OpenFiles;
  readonly #untilFlushed: boolean;
  /** Since when the work that was begun last has waited for the write lock, by `performance.now()`. */
  #waitingSince: number | undefined;

  constructor(db: RootDatabase, files: OpenFiles, { untilFlushed }: { untilFlushed: boolean }) {
    this.#db = db;
    this.#files = files;
    this.#path = (db as RootDatabase & { path?: string }).path ?? "";
    this.#untilFlushed = untilFlushed;
  }

  /** For how many ms work has been waiting for the write lock, which another process has. */
  get waitedMs(): number {
    return this.#waitingSince === undefined ? 0 : performance.now() - this.#waitingSince;
  }

  /**
   * Runs `work` on the event loop when the write lock is free, in a transaction, and resolves when that is committed,
   * or flushed. What `work` throws undoes the transaction.
   *
   * @throws TransactionError `UNAVAILABLE`, and nothing was changed, if `work` throws, LMDB fails, or the disk is full.
   *   If the disk fails when it is to flush, the change is there, and may not survive a power failure.
   */
  async run<T>(work: () => T): Promise<T> {
    let isUndone = true;
    this.#waitingSince ??= performance.now();
    try {
      // A child of LMDB's own transaction, which would commit what was done before the work that throws.
      const committed = this.#db.childTransaction(() => {
        this.#waitingSince = undefined;
        this.#files.assertPresentLately(); // without their lock file, others may be writing at this moment
        const result = work();
        isUndone = false;
        return result;
      });
      // The driver keeps a promise of its own of each batch. Should it reject with nobody there, it ends the process.
      setImmediate(() => this.#db.committed.then(undefined, () => undefined));
      // Asked for at once, `flushed` is of what was begun until now.
      const [result] = await Promise.all([committed, this.#untilFlushed ? this.#db.flushed : undefined]);
      this.#files.assertPresent(); // what was written to a file that nobody finds is not written
      return result;
    } catch (error) {
      this.#waitingSince = undefined;
      const cause = await causeOf(error);
      const noSpace = isNoSpace(cause, this.#path);
      const what = noSpace ? "there is no space left on the disk" : undefined;
      throw new TransactionError(toStoreError(cause, what), isUndone || noSpace);
    }
  }
}
