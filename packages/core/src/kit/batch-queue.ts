import { performance } from "node:perf_hooks";
import type { SessionRecord } from "../store.js";
import { StoreError } from "../store-error.js";
import type { Execute } from "./batch.js";
import { AGAIN, type Answer, type Call, type CallKind } from "./call.js";
import { Lane, type LaneOwner } from "./lane.js";
import type { LaneOptions } from "./lane-options.js";
import { OutstandingCalls } from "./outstanding-calls.js";
import { PendingCall } from "./pending-call.js";
import { toStoreError } from "./to-store-error.js";
import { InSequence, OneAtATime, type TokenOrder } from "./token-order.js";

/** Options of a {@link BatchQueue}. */
export interface BatchQueueOptions {
  /** The name of the store, which begins each message. */
  name: string;
  /** Maximum time of a call, from the moment it was made, wherever it waits. */
  timeoutMs: number;
  /** Executes a batch. Called at once when a worker is free; the batch takes its calls when it is iterated. */
  execute: Execute;
  /**
   * Whether a batch may have several calls of one token, which `execute` carries out in their order (`"sequence"`). In
   * a `"set"`, each call has a different token: the next call of a token follows when the one before has its answer.
   *
   * @default "set"
   */
  batchIs?: "set" | "sequence";
  /** @default one lane with one worker */
  lanes?: readonly LaneOptions[];
  /**
   * Returns whether one call may have failed the batch, so that the others may succeed without it. If it throws, none may.
   *
   * @default never
   */
  mayConcernOneCall?: (error: unknown) => boolean;
  /** Returns the answer to a call that failed alone: the error to reject with, or a result. */
  answerFailure?: (call: Call, error: unknown) => Answer | Promise<Answer>;
  /**
   * Returns the message for a call that has run out of time. `isTaken`: it may take effect nevertheless.
   *
   * @default a message that names the timeout, also if it throws
   */
  lateMessage?: (isTaken: boolean, call: Call) => string | undefined;
  /** Maximum number of calls in the queue. @default 200_000 */
  maxWaiting?: number;
  /** Maximum size of the calls in the queue, in bytes. A larger call is accepted when it is the only one. @default 128 MiB */
  maxWaitingBytes?: number;
}

/**
 * Sends calls to a backend in batches: while batches are in flight, the calls that arrive form the next. Calls for one
 * token take effect in call order. A call ends within its timeout, wherever it waits. A full queue refuses calls.
 */
export class BatchQueue {
  readonly #options: BatchQueueOptions;
  readonly #order: TokenOrder;
  readonly #lanes: readonly Lane[];
  readonly #laneOf: Readonly<Record<CallKind, Lane>>;
  readonly #outstanding: OutstandingCalls;

  constructor(options: BatchQueueOptions) {
    this.#options = options;
    this.#order = options.batchIs === "sequence" ? new InSequence() : new OneAtATime();
    this.#outstanding = new OutstandingCalls({
      timeoutMs: options.timeoutMs,
      maxCalls: options.maxWaiting ?? 200_000,
      maxBytes: options.maxWaitingBytes ?? 2 ** 27,
      onLate: (calls) => this.#rejectLate(calls),
    });
    const owner: LaneOwner = {
      execute: options.execute,
      mayConcernOneCall: options.mayConcernOneCall ?? (() => false),
      fail: (call, error) => this.#fail(call, error),
      release: (calls) => {
        for (const call of calls) this.#release(call);
        this.#outstanding.notify();
        for (const lane of this.#lanes) lane.pump();
      },
    };
    const laneOptions = options.lanes ?? [{}];
    this.#lanes = laneOptions.map((lane) => new Lane(owner, lane));
    const laneOf = (kind: CallKind): Lane => {
      const named = laneOptions.findIndex(({ kinds }) => kinds?.includes(kind));
      const index = named === -1 ? laneOptions.findIndex(({ kinds }) => kinds === undefined) : named;
      const lane = this.#lanes[index];
      if (lane === undefined) throw new TypeError(`no lane takes calls of the kind ${kind}`);
      return lane;
    };
    this.#laneOf = {
      find: laneOf("find"),
      commit: laneOf("commit"),
      delete: laneOf("delete"),
      replace: laneOf("replace"),
      touch: laneOf("touch"),
    };
  }

  /** Returns whether a call of this token waits or is in flight. */
  isPending(token: string): boolean {
    return this.#order.has(token);
  }

  /**
   * Enters a call, and resolves with its answer. The bytes belong to the queue from now on.
   *
   * @throws StoreError `UNAVAILABLE` if the backend fails, the time is over, or the queue is full.
   */
  run<T extends SessionRecord | boolean | undefined>(
    kind: CallKind,
    token: string,
    previous?: Uint8Array,
    data?: Uint8Array,
    expiry = 0,
  ): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const { name, timeoutMs } = this.#options;
      const call = new PendingCall(
        kind,
        token,
        previous,
        data,
        expiry,
        performance.now() + timeoutMs,
        resolve as (answer: SessionRecord | boolean | undefined) => void,
        reject,
      );
      const excess = this.#outstanding.exceeds(call.bytes);
      if (excess !== undefined) {
        reject(new StoreError("UNAVAILABLE", `${name}: ${excess}; this call was not started`));
        return;
      }
      this.#outstanding.add(call);
      if (!this.#order.add(call)) return;
      const lane = this.#laneOf[kind];
      lane.push(call);
      lane.pump();
    });
  }

  /** Resolves when every call made so far has its answer, and the backend works on none of them. */
  answered(): Promise<void> {
    return this.#outstanding.released();
  }

  /** Resolves as {@link answered} does, and leaves no timer behind. */
  async close(): Promise<void> {
    await this.answered();
    this.#outstanding.stopTimer();
  }

  async #fail(call: PendingCall, error: unknown): Promise<void> {
    const { answerFailure, name } = this.#options;
    try {
      const answer = answerFailure ? await answerFailure(call as Call, error) : toStoreError(name, error);
      call.answer(answer === AGAIN ? toStoreError(name, error) : answer);
    } catch (thrown) {
      call.answer(toStoreError(name, thrown));
    }
  }

  #release(call: PendingCall): void {
    if (call.twins !== undefined) {
      for (const twin of call.twins) this.#outstanding.release(twin);
      call.twins = undefined;
    }
    this.#outstanding.release(call);
    const next = this.#order.remove(call);
    if (next !== undefined) this.#laneOf[next.kind].push(next);
  }

  /** Rejects calls that have run out of time. Those in no batch never take effect. */
  #rejectLate(calls: readonly PendingCall[]): void {
    for (const call of calls) {
      const queued = call.twinOf ?? call; // of twins, only the first is in a lane
      call.reject(this.#lateError(call, queued.isTaken));
      if (call.twinOf !== undefined && !queued.isTaken) this.#outstanding.release(call);
      if (!queued.isTaken && !queued.isWanted && !queued.isReleased) this.#release(queued);
    }
    for (const lane of this.#lanes) {
      lane.dropUnwanted();
      lane.pump();
    }
  }

  #lateError(call: PendingCall, isTaken: boolean): StoreError {
    const { name, timeoutMs, lateMessage } = this.#options;
    let message: string | undefined;
    try {
      message = lateMessage?.(isTaken, call as Call);
    } catch {
      // the call gets the default message
    }
    message ??= isTaken
      ? `no answer within ${timeoutMs} ms; whether a write takes effect is unknown`
      : `the calls before this one took ${timeoutMs} ms; this one was not started`;
    return new StoreError("UNAVAILABLE", `${name}: ${message}`);
  }
}
