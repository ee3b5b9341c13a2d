import { performance } from "node:perf_hooks";
import { AGAIN, type Answer, type Batch, type Call, microtasksDone, pause } from "@scs/core/kit";
import { isBusy } from "./driver-error.js";

const LONGEST_PAUSE_MS = 20;

/**
 * Repeats what another connection's lock keeps back, with pauses of 1 to 20 ms. SQLite itself would hold the event loop
 * or a thread, and the handle, all the while.
 */
export class LockWait {
  readonly #busyTimeoutMs: number;
  readonly #timeoutMs: number;
  #pauseMs = 1;
  #isLocked = false;

  constructor({ busyTimeoutMs, timeoutMs }: { busyTimeoutMs: number; timeoutMs: number }) {
    this.#busyTimeoutMs = busyTimeoutMs;
    this.#timeoutMs = timeoutMs;
  }

  /** Repeats `work` until it meets no lock, for `busyTimeoutMs` at most. */
  async wait<T>(work: () => Promise<T>): Promise<T> {
    const end = performance.now() + this.#busyTimeoutMs;
    for (let pauseMs = 1; ; pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)) {
      try {
        return await work();
      } catch (error) {
        const left = end - performance.now();
        if (left <= 0 || !isBusy(error)) throw error;
        await pause(Math.min(pauseMs, left));
      }
    }
  }

  /** Takes the calls of a batch. Waits for callers that were answered just now and call again in a moment. */
  async callsOf(batch: Batch): Promise<readonly Call[]> {
    await microtasksDone();
    return batch.take();
  }

  isFree(): void {
    this.#isLocked = false;
    this.#pauseMs = 1;
  }

  /**
   * Answers the calls of a batch that met a lock and was rolled back. After a pause, calls that have time left are
   * repeated; the others fail, `busyTimeoutMs` after each was made, wherever it has waited.
   */
  async retry(calls: readonly Call[], error: unknown, toStoreError: () => Error): Promise<Answer[]> {
    if (!isBusy(error)) throw error;
    this.#isLocked = true;
    const endOf = (call: Call): number => call.deadline - this.#timeoutMs + this.#busyTimeoutMs;
    const left = Math.min(...calls.map(endOf)) - performance.now();
    if (left > 0) await pause(Math.min(this.#pauseMs, left));
    this.#pauseMs = Math.min(this.#pauseMs * 2, LONGEST_PAUSE_MS);
    const now = performance.now();
    return calls.map((call) => (endOf(call) > now ? AGAIN : toStoreError()));
  }

  /** Message of the error with which a call ends that has run out of time. */
  lateMessage(isTaken: boolean): string {
    if (this.#isLocked)
      return "the database was locked for longer than busyTimeoutMs; look for a long transaction";
    return isTaken
      ? `no answer within ${this.#timeoutMs} ms; whether a write takes effect is unknown`
      : `the calls before this one took ${this.#timeoutMs} ms; this one was not started`;
  }
}
