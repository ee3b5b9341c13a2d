import { setImmediate } from "node:timers/promises";
import {
  AGAIN,
  type Answer,
  type Backend,
  type Batch,
  type Call,
  decideBatch,
  microtasksDone,
} from "@scs/core/kit";
import { isNoSpace, unavailable } from "../log/errors.js";
import type { Log } from "../log/log.js";
import type { RecordBuffer } from "../log/record.js";
import type { Sessions } from "../sessions.js";
import { type Commit, Turns } from "./commit.js";

/** Size of a batch in bytes at which it takes no more calls. */
const MAX_BATCH_BYTES = 1_048_576;

/**
 * Writes changes to the log in batches: one write for all calls that arrived during the write before. Only later calls of
 * the same batch see a change that is not written yet, and they fail with it.
 */
export class GroupCommit implements Commit {
  readonly queue: NonNullable<Backend["queue"]>;
  readonly #sessions: Sessions;
  readonly #records: RecordBuffer;
  readonly #log: Log;
  readonly #onWritten: () => Promise<void> | undefined;
  readonly #turns: Turns = new Turns();
  #pause: Promise<void> | undefined;
  /** Number of calls in the last batch. */
  #lastCalls = 0;
  undone = 0;

  /** @param onWritten Called after each batch. The next batch waits for the promise that it returns. */
  constructor(
    sessions: Sessions,
    records: RecordBuffer,
    log: Log,
    onWritten: () => Promise<void> | undefined,
  ) {
    this.#sessions = sessions;
    this.#records = records;
    this.#log = log;
    this.#onWritten = onWritten;
    this.queue = {
      batchIs: "sequence",
      lanes: [{ maxCalls: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY }], // bounded by a slice of time
      execute: async (batch) => {
        for (; this.#pause !== undefined; this.#pause = this.#onWritten()) await this.#pause;
        return this.#turns.run(() => this.#commit(batch));
      },
      mayConcernOneCall: isNoSpace,
    };
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.#turns.run(work);
  }

  whenFlushed<T>(read: () => T): Promise<T> {
    return this.#turns.run(async () => read());
  }

  close(): Promise<void> {
    return this.#turns.run(async () => undefined);
  }

  async #commit(batch: Batch): Promise<Answer[]> {
    // Lets calls of this turn, and of callers just answered, join the batch. After a lone call, waits only for calls made at
    // once, unless each write is flushed, which takes far longer than a turn.
    await (this.#lastCalls <= 1 && !this.#log.isFlushed ? microtasksDone() : setImmediate());
    const hasWritten: boolean[] = []; // by index of the call
    let { length } = this.#records;
    const answers = decideBatch(
      batch,
      (call) => {
        const answer = this.#decide(call);
        hasWritten.push(this.#records.length > length);
        ({ length } = this.#records);
        return answer;
      },
      () => this.#records.length >= MAX_BATCH_BYTES,
    );
    this.#lastCalls = answers.length;
    if (length > 0) {
      try {
        await this.#log.append(this.#records.view(), this.#records.sequence);
      } catch (error) {
        this.#sessions.undo();
        this.undone++;
        if (isNoSpace(error) && answers.length > 1) throw error; // a smaller batch may fit
        // Calls that wrote nothing saw undone changes: they are executed again.
        const failure = unavailable("the log cannot be written", error);
        return answers.map((_, index) => (hasWritten[index] ? failure : AGAIN));
      } finally {
        this.#records.clear();
      }
    }
    this.#sessions.flushed();
    this.#pause = this.#onWritten();
    return answers;
  }

  #decide(call: Call): Answer {
    try {
      return this.#sessions.decide(call);
    } catch (error) {
      return unavailable("the call could not be made", error); // nothing has changed: the app's clock has thrown
    }
  }
}
