import { report, StoreError } from "@scs/core";
import type { Answer, Call } from "@scs/core/kit";
import { unavailable } from "../log/errors.js";
import type { Log } from "../log/log.js";
import type { RecordBuffer } from "../log/record.js";
import type { Sessions } from "../sessions.js";
import { type Commit, Turns } from "./commit.js";

/** Number of buffered bytes that are written before the interval ends. */
const MAX_BUFFERED_BYTES = 1_048_576;
/** Number of buffered bytes at which calls are refused, because the disk accepts no writes. */
const MAX_BACKLOG_BYTES = 67_108_864;

export interface LazyOptions {
  flushIntervalMs: number;
  onWritten: () => Promise<void> | undefined;
  onError: (error: StoreError) => void;
}

/**
 * Answers calls at once, and writes their changes at the end of an interval. After a failure, keeps them in memory and
 * retries after the next interval.
 */
export class LazyCommit implements Commit {
  readonly #sessions: Sessions;
  readonly #records: RecordBuffer;
  readonly #log: Log;
  readonly #options: LazyOptions;
  readonly #turns: Turns = new Turns();
  /** Records that could not be written yet. */
  #backlog: { records: Buffer; sequence: number } | undefined;
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  #isClosed = false;
  readonly undone = 0;

  constructor(sessions: Sessions, records: RecordBuffer, log: Log, options: LazyOptions) {
    this.#sessions = sessions;
    this.#records = records;
    this.#log = log;
    this.#options = options;
  }

  run(call: Call): Answer {
    if (call.kind !== "find" && this.#records.length > MAX_BACKLOG_BYTES) {
      throw new StoreError("UNAVAILABLE", "hybridstore: too much waits for the disk, which takes nothing");
    }
    const answer = this.#decide(call);
    if (this.#records.length > MAX_BUFFERED_BYTES && !this.#isWriting && this.#backlog === undefined)
      this.#write();
    else if (this.#records.length > 0) this.#schedule();
    return answer;
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.run(async () => {
      await this.#writeAll();
      return work();
    });
  }

  /** Reads at once: answered changes are never undone. */
  async whenFlushed<T>(read: () => T): Promise<T> {
    return read();
  }

  /** Writes the changes. After a failure, never retries: the directory may belong to another process by then. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    await this.exclusively(async () => undefined);
  }

  #decide(call: Call): Answer {
    try {
      return this.#sessions.decide(call);
    } catch (error) {
      throw unavailable("the call could not be made", error); // the app's clock has thrown
    } finally {
      this.#sessions.flushed();
    }
  }

  #schedule(): void {
    if (this.#isClosed || this.#timer !== undefined) return;
    this.#timer = setTimeout(() => this.#write(), this.#options.flushIntervalMs);
    this.#timer.unref?.(); // timers of jsdom are numbers, and do not keep the process alive
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
    this.#turns.run(write).then(
      () => {
        this.#isWriting = false;
      },
      (error: unknown) => {
        this.#isWriting = false;
        this.#schedule();
        report(this.#options.onError, unavailable("the log cannot be written, and is tried again", error));
      },
    );
  }

  async #writeAll(): Promise<void> {
    while (this.#backlog !== undefined || this.#records.length > 0) {
      this.#backlog ??= { records: this.#records.take(), sequence: this.#records.sequence };
      await this.#log.append(this.#backlog.records, this.#backlog.sequence, true);
      this.#backlog = undefined;
    }
  }
}
