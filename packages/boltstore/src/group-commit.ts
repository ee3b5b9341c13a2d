import { StoreError, TimeSlice } from "@scs/core";
import type { RootDatabase } from "lmdb";
import { causeOf, isNoSpace, toStoreError } from "./lmdb-error.js";

interface Write {
  token: string | undefined;
  /** Runs within the transaction, on the event loop. What it throws undoes the transaction. */
  work: () => unknown;
  resolve: (result: never) => void;
  reject: (error: StoreError) => void;
  /** When to give up waiting for the lock, by `performance.now()`. */
  deadline: number;
}

/**
 * Runs writes in LMDB's write transactions, in the order asked for. What is asked for while a transaction is under
 * way forms the next.
 */
export class GroupCommit {
  readonly #db: RootDatabase;
  readonly #path: string;
  readonly #untilFlushed: boolean;
  readonly #busyTimeoutMs: number;
  readonly #waiting: Write[] = [];
  /** How many of those that wait, the first, get a transaction each, since one of them made the last one fail. */
  #alone = 0;
  #isUnderWay = false;
  readonly #unanswered: Map<string | undefined, number> = new Map();
  #giveUp: NodeJS.Timeout | undefined;
  readonly #whenIdle: (() => void)[] = [];

  constructor(db: RootDatabase, options: { untilFlushed: boolean; busyTimeoutMs: number }) {
    this.#db = db;
    this.#path = (db as RootDatabase & { path?: string }).path ?? "";
    this.#untilFlushed = options.untilFlushed;
    this.#busyTimeoutMs = options.busyTimeoutMs;
  }

  /** Whether there is a write that has not been answered: any, or any of this token. */
  isPending(token?: string): boolean {
    return token === undefined ? this.#unanswered.size > 0 : this.#unanswered.has(token);
  }

  /** Resolves when every write has been answered. */
  async idle(): Promise<void> {
    if (this.isPending()) await new Promise<void>((resolve) => this.#whenIdle.push(resolve));
  }

  /**
   * Runs `work` in a write transaction, after all that was asked for before, and gives its result when the
   * transaction is committed.
   *
   * @throws StoreError `UNAVAILABLE`, and nothing was changed, if LMDB fails, the disk is full, or another process
   *   has kept the write lock for `busyTimeoutMs`.
   */
  run<T>(token: string | undefined, work: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const deadline = performance.now() + this.#busyTimeoutMs;
      this.#waiting.push({ token, work, resolve, reject, deadline });
      this.#unanswered.set(token, (this.#unanswered.get(token) ?? 0) + 1);
      this.#giveUp ??= setTimeout(() => this.#rejectLate(), this.#busyTimeoutMs).unref();
      if (!this.#isUnderWay) void this.#commitAll();
    });
  }

  async #commitAll(): Promise<void> {
    this.#isUnderWay = true;
    while (this.#waiting.length > 0) await this.#commit();
    this.#isUnderWay = false;
    clearTimeout(this.#giveUp);
    this.#giveUp = undefined;
  }

  async #commit(): Promise<void> {
    const writes: Write[] = [];
    const results: unknown[] = [];
    let isUndone = true;
    try {
      // A child of LMDB's own transaction, which would commit what was done before the work that throws.
      const committed = this.#db.childTransaction(() => {
        const slice = new TimeSlice(); // it is done on the event loop
        const isAlone = this.#alone > 0;
        if (isAlone) this.#alone--;
        do {
          const write = this.#waiting.shift();
          if (write === undefined) break;
          writes.push(write);
          results.push(write.work());
        } while (!isAlone && !slice.isOver);
        isUndone = false;
      });
      // The driver keeps a promise of its own of each batch. Should it reject with nobody there, it ends the process.
      setImmediate(() => this.#db.committed.then(undefined, () => undefined));
      // Asked for at once, `flushed` is of what was begun until now.
      await Promise.all([committed, this.#untilFlushed ? this.#db.flushed : undefined]);
    } catch (error) {
      const cause = await causeOf(error);
      const noSpace = isNoSpace(cause, this.#path);
      if (writes.length > 1 && (isUndone || noSpace)) {
        this.#waiting.unshift(...writes);
        this.#alone = writes.length;
        return;
      }
      // Without a transaction, there is none for what waits either.
      for (const write of writes.length > 0 ? writes : this.#waiting.splice(0)) {
        this.#answer(write);
        write.reject(toStoreError(cause, noSpace ? "there is no space left on the disk" : undefined));
      }
      return;
    }
    for (const [index, write] of writes.entries()) {
      this.#answer(write);
      write.resolve(results[index] as never);
    }
  }

  #answer({ token }: Write): void {
    const others = (this.#unanswered.get(token) ?? 1) - 1;
    if (others > 0) this.#unanswered.set(token, others);
    else this.#unanswered.delete(token);
    if (this.#unanswered.size === 0) for (const resolve of this.#whenIdle.splice(0)) resolve();
  }

  /** Rejects what has waited for too long. It has not been begun, and never will be. */
  #rejectLate(): void {
    const now = performance.now();
    while (this.#waiting[0] !== undefined && this.#waiting[0].deadline <= now) {
      const write = this.#waiting.shift() as Write;
      this.#answer(write);
      write.reject(
        new StoreError(
          "UNAVAILABLE",
          `boltstore: another process has kept the write lock for ${this.#busyTimeoutMs} ms`,
        ),
      );
    }
    const first = this.#waiting[0];
    this.#giveUp = first && setTimeout(() => this.#rejectLate(), Math.ceil(first.deadline - now)).unref();
  }
}
