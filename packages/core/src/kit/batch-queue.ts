import { performance } from "node:perf_hooks";
import type { SessionRecord } from "../store.js";
import { StoreError } from "../store-error.js";
import type { Execute } from "./batch.js";
import { AGAIN, type Answer, type Call, type CallKind } from "./call.js";
import { Fifo } from "./fifo.js";
import { Lane, type LaneOptions, type LaneOwner } from "./lane.js";
import { PendingCall } from "./pending-call.js";
import { clearTimer, setTimer, type Timer } from "./timers.js";
import { InSequence, OneAtATime, type TokenOrder } from "./token-order.js";

export interface BatchQueueOptions {
  /** The name of the store, which begins each message. */
  name: string;
  /** How long a call may take, from the moment it was made, wherever it waits. */
  timeoutMs: number;
  /** Carries out a batch. Called at once when a worker is free; the batch gives its calls when it is asked. */
  execute: Execute;
  /**
   * Whether a batch may have several calls of one token, which `execute` carries out in their order (`"sequence"`). In
   * a `"set"`, each call is of another token: the next of a token follows when the one before has its answer.
   *
   * @default "set"
   */
  batchIs?: "set" | "sequence";
  /** @default one lane with one worker */
  lanes?: readonly LaneOptions[];
  /** Whether one call can have failed the batch, so that the others may succeed without it. @default never */
  mayConcernOneCall?: (error: unknown) => boolean;
  /** Answers a call that failed alone: the error to reject with, or what the call returns. */
  answerFailure?: (call: Call, error: unknown) => Answer | Promise<Answer>;
  /** What a call that has run out of time is told. `isTaken`: it may take effect nevertheless. @default just that */
  lateMessage?: (isTaken: boolean, call: Call) => string | undefined;
  /** Maximum number of calls in the queue. @default 200_000 */
  maxWaiting?: number;
  /** Maximum number of bytes of the calls in the queue; a larger call is taken when there is no other. @default 128 MiB */
  maxWaitingBytes?: number;
}

/** Number of calls that are rejected in one turn of the event loop: a millisecond or two. */
const MAX_LATE = 512;

const NOTHING = Promise.resolve();

/**
 * Sends together what is in flight together: while batches are under way, the calls that arrive form the next. Calls
 * for one token take effect in the order made. A call ends within its timeout, wherever it waits; past the bounds of
 * the queue, it is refused at once.
 */
export class BatchQueue {
  readonly #options: BatchQueueOptions;
  readonly #maxWaiting: number;
  readonly #maxWaitingBytes: number;
  readonly #order: TokenOrder;
  readonly #lanes: readonly Lane[];
  readonly #laneOf: Readonly<Record<CallKind, Lane>>;
  /** All calls that were made and are not released, in the order made, which is that of their deadlines. */
  readonly #made: Fifo<PendingCall> = new Fifo();
  #number = 0;
  #count = 0;
  #bytes = 0;
  #timer: Timer | undefined;
  readonly #observers: Fifo<{ number: number; resolve: () => void }> = new Fifo();

  constructor(options: BatchQueueOptions) {
    this.#options = options;
    this.#maxWaiting = options.maxWaiting ?? 200_000;
    this.#maxWaitingBytes = options.maxWaitingBytes ?? 2 ** 27;
    this.#order = options.batchIs === "sequence" ? new InSequence() : new OneAtATime();
    const owner: LaneOwner = {
      execute: options.execute,
      mayConcernOneCall: options.mayConcernOneCall ?? (() => false),
      fail: (call, error) => this.#fail(call, error),
      answer: (call, answer) => this.#answer(call, answer),
      release: (calls) => {
        for (const call of calls) this.#release(call);
        this.#trim();
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

  /** Whether a call of this token is in the queue, or under way. */
  isPending(token: string): boolean {
    return this.#order.has(token);
  }

  /**
   * Enters a call, and resolves with its answer. The bytes are the queue's from now on.
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
      const deadline = performance.now() + this.#options.timeoutMs;
      const call = new PendingCall(
        kind,
        token,
        previous,
        data,
        expiry,
        ++this.#number,
        deadline,
        resolve as (answer: SessionRecord | boolean | undefined) => void,
        reject,
      );
      const { bytes } = call;
      if (
        this.#count >= this.#maxWaiting ||
        (this.#count > 0 && this.#bytes + bytes > this.#maxWaitingBytes)
      ) {
        reject(this.#fullError());
        return;
      }
      this.#count++;
      this.#bytes += bytes;
      this.#made.push(call);
      if (this.#count === 1 || this.#timer === undefined) this.#watch();
      if (!this.#order.add(call)) return;
      const lane = this.#laneOf[kind];
      lane.push(call);
      lane.pump();
    });
  }

  /** Resolves when every call made so far has been answered, and nothing of it is under way. */
  answered(): Promise<void> {
    if (this.#count === 0) return NOTHING;
    return new Promise((resolve) => this.#observers.push({ number: this.#number, resolve }));
  }

  /** Resolves as {@link answered} does, and leaves no timer behind. */
  async close(): Promise<void> {
    await this.answered();
    clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #answer(call: PendingCall, answer: Exclude<Answer, typeof AGAIN>): void {
    deliver(call, answer);
    if (call.twins === undefined) return;
    for (const twin of call.twins) {
      deliver(
        twin,
        answer !== undefined && typeof answer === "object" && "data" in answer ? copyOf(answer) : answer,
      );
    }
  }

  async #fail(call: PendingCall, error: unknown): Promise<void> {
    const { answerFailure, name } = this.#options;
    let answer: Answer;
    try {
      answer = answerFailure ? await answerFailure(call as Call, error) : toStoreError(name, error);
    } catch (thrown) {
      answer = toStoreError(name, thrown);
    }
    this.#answer(call, answer === AGAIN ? toStoreError(name, error) : answer);
  }

  #release(call: PendingCall): void {
    if (call.twins !== undefined) {
      for (const twin of call.twins) this.#forget(twin);
      call.twins = undefined;
    }
    this.#forget(call);
    const next = this.#order.remove(call);
    if (next !== undefined) this.#laneOf[next.kind].push(next);
  }

  #forget(call: PendingCall): void {
    if (call.isReleased) return;
    call.isReleased = true;
    this.#count--;
    this.#bytes -= call.bytes;
  }

  /** Drops the calls that are done with, and tells those who wait for them. */
  #trim(): void {
    while (this.#made.first?.isReleased) this.#made.shift();
    const oldest = this.#made.first?.number ?? Number.POSITIVE_INFINITY;
    while ((this.#observers.first?.number ?? Number.POSITIVE_INFINITY) < oldest)
      this.#observers.shift()?.resolve();
    if (this.#made.size === 0) this.#timer?.unref(); // not cleared: it would cost every call that is alone a timer
  }

  /** Sees to it that calls end in their time. A timer that runs out too early is set again. */
  #watch(): void {
    if (this.#timer === undefined) this.#setTimer(this.#options.timeoutMs);
    else this.#timer.ref();
  }

  #setTimer(ms: number): void {
    const queue = new WeakRef(this); // a store that the app has dropped is collected
    this.#timer = setTimer(() => {
      const self = queue.deref();
      if (self !== undefined) self.#rejectLate();
    }, ms);
  }

  /** Rejects the calls that have run out of time. Those that no batch has taken never take effect. */
  #rejectLate(): void {
    const now = performance.now();
    let next: number | undefined;
    const late: PendingCall[] = [];
    for (const call of this.#made) {
      if (call.isAnswered) continue;
      if (call.deadline > now || late.length >= MAX_LATE) {
        next = call.deadline;
        break;
      }
      late.push(call);
    }
    for (const call of late) {
      call.reject(this.#lateError(call));
      const own = call.twinOf ?? call; // the one that is in the queue
      if (call.twinOf !== undefined && !call.twinOf.isTaken) this.#forget(call);
      if (!own.isTaken && !own.isWanted && !own.isReleased) this.#release(own);
    }
    for (const lane of this.#lanes) {
      lane.dropUnwanted();
      lane.pump();
    }
    this.#timer = undefined;
    if (next !== undefined) this.#setTimer(Math.max(1, Math.ceil(next - now)));
    this.#trim();
  }

  #lateError(call: PendingCall): StoreError {
    const { isTaken } = call.twinOf ?? call;
    const { name, timeoutMs, lateMessage } = this.#options;
    const message =
      lateMessage?.(isTaken, call as Call) ??
      (isTaken
        ? `no answer within ${timeoutMs} ms; whether a write takes effect is unknown`
        : `the calls made before have taken ${timeoutMs} ms; this one was not begun`);
    return new StoreError("UNAVAILABLE", `${name}: ${message}`);
  }

  #fullError(): StoreError {
    return new StoreError(
      "UNAVAILABLE",
      `${this.#options.name}: ${this.#count} calls wait for the backend, which is the limit; this one was not begun`,
    );
  }
}

function deliver(call: PendingCall, answer: Exclude<Answer, typeof AGAIN>): void {
  if (answer instanceof Error) call.reject(answer);
  else call.resolve(answer);
}

function copyOf({ data, expiry }: SessionRecord): SessionRecord {
  return { data: Uint8Array.prototype.slice.call(data), expiry: new Date(expiry) };
}

/** Returns the error itself if it is a StoreError, or `UNAVAILABLE` with the error as its cause. */
export function toStoreError(name: string, error: unknown, what = "the call has failed"): StoreError {
  if (error instanceof Error && error.name === "StoreError") return error as StoreError;
  return new StoreError("UNAVAILABLE", `${name}: ${what}`, { cause: error });
}
