import { performance } from "node:perf_hooks";
import { Fifo } from "./fifo.js";
import type { PendingCall } from "./pending-call.js";
import { clearTimer, setTimer, type Timer } from "./timers.js";

export interface OutstandingOptions {
  timeoutMs: number;
  maxCalls: number;
  maxBytes: number;
  /** Called with the calls whose deadline has passed, in call order. */
  onLate: (calls: readonly PendingCall[]) => void;
}

/** Maximum number of calls that are rejected in one turn of the event loop, which takes a millisecond or two. */
const MAX_LATE = 512;

const NOTHING = Promise.resolve();

/** The calls of a queue that are not released, within bounds, and the timer of their deadlines. */
export class OutstandingCalls {
  readonly #options: OutstandingOptions;
  /** The calls are linked in call order, which is the order of their deadlines. */
  #oldest: PendingCall | undefined;
  #newest: PendingCall | undefined;
  readonly #observers: Fifo<{ number: number; resolve: () => void }> = new Fifo();
  #number = 0;
  #count = 0;
  #bytes = 0;
  #timer: Timer | undefined;

  constructor(options: OutstandingOptions) {
    this.#options = options;
  }

  /** Returns the limit that a call of this size would exceed, in words. A call larger than `maxBytes` may be the only one. */
  exceeds(bytes: number): string | undefined {
    const { maxCalls, maxBytes } = this.#options;
    if (this.#count >= maxCalls) return `the queue holds ${maxCalls} calls, which is its limit`;
    if (this.#count > 0 && this.#bytes + bytes > maxBytes)
      return `the queue holds ${this.#count} calls of ${this.#bytes} bytes, and its limit is ${maxBytes} bytes`;
    return undefined;
  }

  add(call: PendingCall): void {
    call.number = ++this.#number;
    this.#count++;
    this.#bytes += call.bytes;
    call.before = this.#newest;
    if (this.#newest === undefined) this.#oldest = call;
    else this.#newest.after = call;
    this.#newest = call;
    if (this.#timer === undefined) this.#setTimer(this.#options.timeoutMs);
    else if (this.#count === 1) this.#timer.ref();
  }

  /** Removes a call. {@link notify} follows. */
  release(call: PendingCall): void {
    if (call.isReleased) return;
    call.isReleased = true;
    this.#count--;
    this.#bytes -= call.bytes;
    const { before, after } = call;
    if (before === undefined) this.#oldest = after;
    else before.after = after;
    if (after === undefined) this.#newest = before;
    else after.before = before;
    call.before = call.after = undefined; // a call in the old generation must not keep the later ones alive
  }

  /** Resolves the promises that wait for the calls released. */
  notify(): void {
    const oldest = this.#oldest?.number ?? Number.POSITIVE_INFINITY;
    while ((this.#observers.first?.number ?? Number.POSITIVE_INFINITY) < oldest)
      this.#observers.shift()?.resolve();
    if (this.#oldest === undefined) this.#timer?.unref(); // clearing it would cost each lone call a new timer
  }

  /** Resolves when every call made so far is released. */
  released(): Promise<void> {
    if (this.#count === 0) return NOTHING;
    return new Promise((resolve) => this.#observers.push({ number: this.#number, resolve }));
  }

  stopTimer(): void {
    clearTimer(this.#timer);
    this.#timer = undefined;
  }

  #setTimer(ms: number): void {
    const calls = new WeakRef(this); // lets a dropped store be garbage-collected
    this.#timer = setTimer(() => {
      const self = calls.deref();
      if (self !== undefined) self.#rejectLate();
    }, ms);
  }

  #rejectLate(): void {
    const now = performance.now();
    let nextDeadline: number | undefined;
    const late: PendingCall[] = [];
    for (let call = this.#oldest; call !== undefined; call = call.after) {
      if (call.isAnswered) continue;
      if (call.deadline > now || late.length >= MAX_LATE) {
        nextDeadline = call.deadline;
        break;
      }
      late.push(call);
    }
    this.#timer = undefined;
    if (nextDeadline !== undefined) this.#setTimer(Math.max(1, Math.ceil(nextDeadline - now)));
    this.#options.onLate(late); // may make calls, which need the timer
    this.notify();
  }
}
