import { setImmediate } from "node:timers/promises";
import { AGAIN, type Answer, type Backend, type Batch, type Call, decideBatch } from "@scs/core/kit";
import { isNoSpace, unavailable } from "../log/errors.js";
import type { Log } from "../log/log.js";
import type { RecordBuffer } from "../log/record.js";
import type { Sessions } from "../sessions.js";
import { type Commit, Turns } from "./commit.js";

/** A batch that has this many bytes takes no more calls. */
const MAX_BATCH_BYTES = 1_048_576;

/**
 * Commits what calls have changed in batches: one write for all that have come in while the one before was under
 * way. What is decided and not yet written is seen by nobody but the calls behind it in the same batch, which fail
 * with it.
 */
export class GroupCommit implements Commit {
  readonly queue: NonNullable<Backend["queue"]>;
  readonly #sessions: Sessions;
  readonly #records: RecordBuffer;
  readonly #log: Log;
  readonly #onWritten: () => Promise<void> | undefined;
  readonly #turns: Turns = new Turns();
  #pause: Promise<void> | undefined;
  undone = 0;

  /** @param onWritten Is asked after each batch. While it gives something to wait for, there is no other. */
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
      lanes: [{ maxCalls: Number.POSITIVE_INFINITY, maxBytes: Number.POSITIVE_INFINITY }], // a slice of time bounds it
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
    await setImmediate(); // those who are at it, and those that were just answered, come in; the system's turn is no wait
    const hasWritten: boolean[] = []; // by call
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
    if (length > 0) {
      try {
        await this.#log.append(this.#records.view(), this.#records.sequence);
      } catch (error) {
        this.#sessions.undo();
        this.undone++;
        if (isNoSpace(error) && answers.length > 1) throw error; // fewer may fit
        // What was not to be written is decided anew, on what there is then.
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
      return unavailable("the call could not be made", error); // it has changed nothing: what throws is the app's clock
    }
  }
}
