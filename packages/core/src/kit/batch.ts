import type { Answer, Call } from "./call.js";
import type { Fifo } from "./fifo.js";
import type { PendingCall } from "./pending-call.js";

/**
 * Calls for the backend. Iterating takes the next call from the queue, as late as possible: the batch includes calls that
 * have just arrived, and excludes calls that have run out of time. Leaving the loop ends the batch.
 */
export interface Batch extends Iterable<Call> {
  /** Takes all calls that fit into the batch, and returns {@link calls}. */
  take(): readonly Call[];
  /** The calls taken so far, in the order of their answers. */
  readonly calls: readonly Call[];
  /** Whether there is a call to take. If not, a backend that waits for a lock may give up. */
  readonly hasNext: boolean;
  /** The earliest deadline of the calls taken, by `performance.now()`; infinite without a call. */
  readonly deadline: number;
}

/**
 * Executes a batch: gets a connection, a lock or a transaction, takes the calls, and resolves with an answer for each, in
 * their order, when their changes are durable. If it rejects, all taken calls fail. If it rejects before it has taken a
 * call, all calls in the lane fail, unless another worker is running.
 *
 * A backend that need not wait for anything should await {@link microtasksDone} first: callers that have just got their
 * answers often call again at once.
 */
export type Execute = (batch: Batch) => Promise<readonly Answer[]>;

/** The calls that a batch may take, and the maximum number. */
export interface Source {
  readonly calls: Fifo<PendingCall>;
  readonly most: number;
  /** Whether the calls are a repeated batch, from which no other batch takes. */
  readonly isRepeat: boolean;
}

/** The lane that provides the calls of a batch. */
export interface BatchSource {
  /** Chooses calls for a batch, when it takes its first; `undefined` if there are none. */
  begin: () => Source | undefined;
  hasNext: () => boolean;
  /** Fails a call that the batch has removed from the calls without taking it. */
  refuse: (call: PendingCall, error: unknown) => void;
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

  /** Ends the batch. Returns the calls of a repeated batch that it has not taken. */
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
    const { maxBytes } = this.#options;
    while (this.taken.length < most) {
      const call = calls.first;
      if (call === undefined) return undefined;
      if (!call.isWanted) {
        calls.shift(); // has run out of time
        continue;
      }
      const bytes = this.#bytesOf(call);
      if (bytes === undefined) continue;
      if (this.taken.length > 0 && this.#bytes + bytes > maxBytes) return undefined;
      calls.shift();
      this.#bytes += bytes;
      call.isTaken = true;
      this.taken.push(call);
      return call;
    }
    return undefined;
  }

  /** Returns the size of the next call. If `extraBytes` throws, fails the call: a retry would throw again. */
  #bytesOf(call: PendingCall): number | undefined {
    const { extraBytes } = this.#options;
    if (extraBytes === undefined) return call.bytes;
    try {
      return call.bytes + extraBytes(call as Call);
    } catch (error) {
      this.#source?.calls.shift();
      this.#lane.refuse(call, error);
      return undefined;
    }
  }
}
