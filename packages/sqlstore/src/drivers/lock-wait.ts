import { performance } from "node:perf_hooks";
import { AGAIN, type Answer, type Batch, type Call, microtasksDone, pause } from "@scs/core/kit";
import { isBusy } from "./driver-error.js";

const LONGEST_PAUSE_MS = 20;

/**
 * Retries statements that meet another connection's lock, with pauses of 1 to 20 ms. SQLite's own wait would block the
 * event loop or a thread, and the handle.
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

  /** Retries `work` until it meets no lock, for at most `busyTimeoutMs`. */
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

  /** Takes the calls of a batch. First lets callers that have just got their answers call again. */
  async callsOf(batch: Batch): Promise<readonly Call[]> {
    await microtasksDone();
    return batch.take();
  }

  isFree(): void {
    this.#isLocked = false;
    this.#pauseMs = 1;
  }

  /**
   * Answers the calls of a batch that met a lock and was rolled back. After a pause, calls with time left return to the
   * queue; the others fail. Each call has `busyTimeoutMs` from the moment it was made.
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

  /** Returns the error message for a call that has run out of time. */
  lateMessage(isTaken: boolean): string {
    if (this.#isLocked)
      return "the database was locked for longer than busyTimeoutMs; look for a long transaction";
    return isTaken
      ? `no answer within ${this.#timeoutMs} ms; whether a write takes effect is unknown`
      : `the calls before this one took ${this.#timeoutMs} ms; this one was not started`;
  }
}
