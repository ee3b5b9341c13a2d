import { StoreError } from "@scs/core";
import { unavailable } from "./errors.js";
import type { Commit } from "./group-commit.js";
import type { Log } from "./log.js";
import type { RecordBuffer } from "./record.js";
import type { Sessions } from "./sessions.js";

/** So many bytes are written without waiting for the interval to end. */
const MAX_BUFFERED_BYTES = 1_048_576;
/** While so many bytes wait for a disk that takes nothing, no more changes are made. */
const MAX_BACKLOG_BYTES = 67_108_864;

/**
 * Answers calls at once, and writes what they have changed at the end of an interval. What cannot be written stays
 * in memory, and is tried again after the next.
 */
export class LazyCommit implements Commit {
  readonly #sessions: Sessions;
  readonly #records: RecordBuffer;
  readonly #log: Log;
  readonly #options: {
    flushIntervalMs: number;
    onWritten: () => Promise<void> | undefined;
    onError: (error: StoreError) => void;
  };
  /** What could not be written. */
  #backlog: { records: Buffer; sequence: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #writing: Promise<unknown> = Promise.resolve();
  #isWriting = false;
  #isClosed = false;
  readonly undone = 0;

  constructor(
    sessions: Sessions,
    records: RecordBuffer,
    log: Log,
    options: {
      flushIntervalMs: number;
      onWritten: () => Promise<void> | undefined;
      onError: (error: StoreError) => void;
    },
  ) {
    this.#sessions = sessions;
    this.#records = records;
    this.#log = log;
    this.#options = options;
  }

  isPending(): boolean {
    return false;
  }

  async run<T>(token: string | undefined, decide: () => T): Promise<T> {
    if (token !== undefined && this.#records.length > MAX_BACKLOG_BYTES) {
      throw new StoreError("UNAVAILABLE", "hybridstore: too much waits for the disk, which takes nothing");
    }
    const result = this.#decide(decide);
    if (this.#records.length > MAX_BUFFERED_BYTES && !this.#isWriting && this.#backlog === undefined)
      this.#write();
    else if (this.#records.length > 0) this.#schedule();
    return result;
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#after(async () => {
      await this.#writeAll();
      return work();
    });
  }

  /** Nothing is written after it, not even what it could not write: the directory may be another's by then. */
  async idle(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.exclusively(async () => undefined);
  }

  #decide<T>(decide: () => T): T {
    try {
      return decide();
    } catch (error) {
      throw unavailable("the call could not be made", error); // what throws is the clock of the app
    } finally {
      this.#sessions.settle();
    }
  }

  #schedule(): void {
    if (this.#isClosed) return;
    this.#timer ??= setTimeout(() => this.#write(), this.#options.flushIntervalMs).unref();
  }

  #write(): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#isWriting = true;
    const write = async (): Promise<void> => {
      await this.#writeAll();
      const { onWritten } = this.#options;
      for (let pause = onWritten(); pause !== undefined; pause = onWritten()) await pause;
    };
    this.#after(write).then(
      () => {
        this.#isWriting = false;
      },
      (error: unknown) => {
        this.#isWriting = false;
        this.#schedule();
        this.#options.onError(unavailable("the log cannot be written, and is tried again", error));
      },
    );
  }

  /** One after the other: records have an order. */
  #after<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#writing.then(work);
    this.#writing = done.catch(() => undefined);
    return done;
  }

  async #writeAll(): Promise<void> {
    while (this.#backlog !== undefined || this.#records.length > 0) {
      this.#backlog ??= { records: this.#records.take(), sequence: this.#records.sequence };
      await this.#log.append(this.#backlog.records, this.#backlog.sequence, true);
      this.#backlog = undefined;
    }
  }
}
