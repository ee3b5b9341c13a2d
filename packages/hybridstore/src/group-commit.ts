import { setImmediate } from "node:timers/promises";
import type { StoreError } from "@scs/core";
import { TimeSlice } from "@scs/core/kit";
import { isNoSpace, unavailable } from "./errors.js";
import type { Log } from "./log.js";
import type { RecordBuffer } from "./record.js";
import type { Sessions } from "./sessions.js";

/** A batch that has this many bytes takes no more calls. */
const MAX_BATCH_BYTES = 1_048_576;

interface Call {
  token: string | undefined;
  /** Changes the sessions, on the event loop. It is done anew if the change was refused. */
  decide: () => unknown;
  result: unknown;
  hasWritten: boolean;
  resolve: (result: never) => void;
  reject: (error: StoreError) => void;
}

/** How the calls of a store come to its sessions and to its log. */
export interface Commit {
  /** Decides a call in its turn, and gives the result when what it has changed lasts. */
  run<T>(token: string | undefined, decide: () => T): Promise<T>;
  /** Whether there is a call that was not answered: any, or any of this token. */
  isPending(token?: string): boolean;
  /** Does something to the log while no call is under way, and all that was decided before is in the log. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** Resolves when every call has been answered, and all that was decided is in the log. */
  idle(): Promise<void>;
  /** How many times what was decided had to be undone. */
  readonly undone: number;
}

/**
 * Commits what calls have changed in batches: one write for all that have come in while the one before was under
 * way. What is decided and not yet written is seen by nobody but the calls behind it in the same batch, which fail
 * with it.
 */
export class GroupCommit implements Commit {
  readonly #sessions: Sessions;
  readonly #records: RecordBuffer;
  readonly #log: Log;
  readonly #onWritten: () => Promise<void> | undefined;
  readonly #waiting: Call[] = [];
  /** How many of those that wait, the first, get a batch each, since together they did not fit on the disk. */
  #alone = 0;
  readonly #exclusive: (() => Promise<void>)[] = [];
  readonly #unanswered: Map<string | undefined, number> = new Map();
  #loop: Promise<void> | undefined;
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
  }

  isPending(token?: string): boolean {
    return token === undefined ? this.#unanswered.size > 0 : this.#unanswered.has(token);
  }

  run<T>(token: string | undefined, decide: () => T): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#waiting.push({ token, decide, result: undefined, hasWritten: false, resolve, reject });
      this.#unanswered.set(token, (this.#unanswered.get(token) ?? 0) + 1);
      this.#loop ??= this.#commitAll();
    });
  }

  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.#exclusive.push(() => work().then(resolve, reject));
      this.#loop ??= this.#commitAll();
    });
  }

  async idle(): Promise<void> {
    while (this.#loop !== undefined) await this.#loop;
  }

  async #commitAll(): Promise<void> {
    await setImmediate(); // those who are at it come in; the system's turn, it is no wait
    while (this.#waiting.length > 0 || this.#exclusive.length > 0) {
      for (const work of this.#exclusive.splice(0)) await work();
      if (this.#waiting.length > 0) await this.#commit();
      await setImmediate(); // those that were answered come again
    }
    this.#loop = undefined;
  }

  async #commit(): Promise<void> {
    const calls = this.#decide();
    if (this.#records.length > 0) {
      try {
        await this.#log.append(this.#records.view(), this.#records.sequence);
      } catch (error) {
        this.#fail(calls, error);
        return;
      } finally {
        this.#records.clear();
      }
    }
    this.#sessions.settle();
    for (const call of calls) {
      this.#answered(call);
      call.resolve(call.result as never);
    }
    for (let pause = this.#onWritten(); pause !== undefined; pause = this.#onWritten()) await pause;
  }

  /** Decides calls in their order, for a slice of time. */
  #decide(): Call[] {
    const calls: Call[] = [];
    const slice = new TimeSlice();
    const most = this.#alone > 0 ? 1 : this.#waiting.length;
    if (this.#alone > 0) this.#alone--;
    let taken = 0;
    do {
      const call = this.#waiting[taken++] as Call;
      const { length } = this.#records;
      try {
        call.result = call.decide();
        call.hasWritten = this.#records.length > length;
        calls.push(call);
      } catch (error) {
        this.#answered(call); // it has changed nothing: what throws is the clock of the app
        call.reject(unavailable("the call could not be made", error));
      }
    } while (taken < most && !slice.isOver && this.#records.length < MAX_BATCH_BYTES);
    this.#waiting.splice(0, taken);
    return calls;
  }

  /** Undoes the batch, and rejects what was to be written. What was not is decided anew, on what there is then. */
  #fail(calls: Call[], error: unknown): void {
    this.#sessions.undo();
    this.undone++;
    if (calls.length > 1 && isNoSpace(error)) {
      this.#waiting.unshift(...calls);
      this.#alone = calls.length;
      return;
    }
    for (const call of calls) {
      if (!call.hasWritten) continue;
      this.#answered(call);
      call.reject(unavailable("the log cannot be written", error));
    }
    this.#waiting.unshift(...calls.filter(({ hasWritten }) => !hasWritten));
  }

  #answered({ token }: Call): void {
    const others = (this.#unanswered.get(token) ?? 1) - 1;
    if (others > 0) this.#unanswered.set(token, others);
    else this.#unanswered.delete(token);
  }
}
