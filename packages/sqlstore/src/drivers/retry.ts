import { setTimeout } from "node:timers/promises";
import { isBusy } from "./driver-error.js";

const LONGEST_PAUSE_MS = 20;

/**
 * Repeats `work` for as long as another connection has the lock, `timeoutMs` at most, with pauses of 1 to 20 ms. SQLite
 * would wait the same way, but hold the event loop or a thread, and the handle, all the while.
 *
 * @param meanwhile Is called after each pause, before the next attempt.
 */
export async function retryWhileBusy<T>(
  work: () => Promise<T>,
  timeoutMs: number,
  meanwhile?: () => Promise<void>,
): Promise<T> {
  const end = performance.now() + timeoutMs;
  for (let pause = 1; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await work();
    } catch (error) {
      const left = end - performance.now();
      if (left <= 0 || !isBusy(error)) throw error;
      await setTimeout(Math.min(pause, left));
      await meanwhile?.();
    }
  }
}
