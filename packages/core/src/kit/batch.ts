import type { Answer, Call } from "./call.js";
import type { Fifo } from "./fifo.js";
import type { PendingCall } from "./pending-call.js";

/**
 * Calls on their way to the backend. Iterating takes the next call, as late as possible: whatever has arrived by then
 * is part of the batch, and what has run out of time is not. Leaving the loop ends the batch.
 */
export interface Batch extends Iterable<Call> {
  /** Takes all that the batch may have, and returns {@link calls}. */
  take(): readonly Call[];
  /** The calls taken so far, in the order in which they are to be answered. */
  readonly calls: readonly Call[];
  /** Whether there is a call to take. A backend that waits for a lock need not go on when there is none. */
  readonly hasNext: boolean;
  /** The deadline of the call that has waited for the longest, by `performance.now()`; infinite without a call. */
  readonly deadline: number;
}

/**
 * Carries out a batch: gets ready (a connection, a lock, a transaction), takes the calls, and resolves with an answer
 * for each, in their order, when what they have changed is durable. Rejecting fails all of them; rejecting before a
 * call was taken fails all that wait in the lane, unless another worker is under way.
 *
 * A backend that gets ready at once should await {@link microtasksDone} first: those that have just been answered call
 * again in a moment.
 */
export type Execute = (batch: Batch) => Promise<readonly Answer[]>;

/** Where a batch takes its calls from, and how many at most. */
export interface Source {
  readonly calls: Fifo<PendingCall>;
  readonly most: number;
  /** Whether the calls are of this batch alone. */
  readonly isRepeat: boolean;
}

/** The lane of a batch. */
export interface BatchSource {
  /** Chooses the calls for a batch, when the first is asked for; `undefined` if there is none. */
  begin: () => Source | undefined;
  hasNext: () => boolean;
}

export interface BatchOptions {
  maxBytes: number;
  extraBytes: ((call: Call) => number) | undefined;
}

/** A batch that takes its calls from a lane. */
export class PulledBatch implements Batch {
  readonly taken: PendingCall[] = [];
  readonly #options: BatchOptions;
  readonly #lane: BatchSource;
  #source: Source | undefined;
  #bytes = 0;
  #isOver = false;

  constructor(options: BatchOptions, lane: BatchSource) {
    this.#options = options;
    this.#lane = lane;
  }

  get isBegun(): boolean {
    return this.#source !== undefined;
  }

  get calls(): readonly Call[] {
    return this.taken as readonly unknown[] as readonly Call[];
  }

  get hasNext(): boolean {
    if (this.#isOver) return false;
    if (this.#source === undefined) return this.#lane.hasNext();
    const { calls, most } = this.#source;
    while (calls.first?.isWanted === false) calls.shift();
    return this.taken.length < most && calls.first !== undefined;
  }

  get deadline(): number {
    let earliest = Number.POSITIVE_INFINITY;
    for (const { deadline } of this.taken) if (deadline < earliest) earliest = deadline;
    return earliest;
  }

  /** Ends the batch. Returns the calls that it should have repeated and has not taken. */
  end(): PendingCall[] {
    this.#isOver = true;
    return this.#source?.isRepeat ? [...this.#source.calls] : [];
  }

  take(): readonly Call[] {
    while (this.#next() !== undefined);
    return this.calls;
  }

  [Symbol.iterator](): Iterator<Call, undefined> {
    return {
      next: () => {
        const call = this.#next();
        return call === undefined ? { done: true, value: undefined } : { done: false, value: call as Call };
      },
    };
  }

  #next(): PendingCall | undefined {
    if (this.#isOver) return undefined;
    this.#source ??= this.#lane.begin();
    if (this.#source === undefined) return undefined;
    const { calls, most } = this.#source;
    const { extraBytes, maxBytes } = this.#options;
    while (this.taken.length < most) {
      const call = calls.first;
      if (call === undefined) return undefined;
      if (!call.isWanted) {
        calls.shift(); // it has run out of time
        continue;
      }
      const bytes = extraBytes === undefined ? call.bytes : call.bytes + extraBytes(call as Call);
      if (this.taken.length > 0 && this.#bytes + bytes > maxBytes) return undefined;
      calls.shift();
      this.#bytes += bytes;
      call.isTaken = true;
      this.taken.push(call);
      return call;
    }
    return undefined;
  }
}
