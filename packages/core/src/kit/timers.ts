// Imported, not global: the fake timers of Jest and vitest replace the globals, jsdom has its own, and a test that stops
// the clock must not stop a call in flight.
import { clearTimeout, setTimeout } from "node:timers";

/** A timer of `setTimer`. */
export type Timer = ReturnType<typeof setTimeout>;

/** Starts a timer of Node.js, even where tests have replaced the global ones. */
export const setTimer = (run: () => void, ms: number): Timer => setTimeout(run, ms);

/** Stops a timer of `setTimer`. */
export const clearTimer = (timer: Timer | undefined): void => clearTimeout(timer);

/** Resolves after `ms`. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Settles as `result` does, or rejects after `ms`, which may be infinite. */
export function withTimeout<T>(result: Promise<T>, ms: number, lateError: () => Error): Promise<T> {
  if (ms === Number.POSITIVE_INFINITY) return result;
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(lateError()), ms);
    result.then(
      (value) => {
        clearTimeout(timer);
        resolve(value);
      },
      (error: unknown) => {
        clearTimeout(timer);
        reject(error);
      },
    );
  });
}

const { nextTick } = process;
const { queueMicrotask } = globalThis;

/** Resolves when the queue of microtasks is empty, within the same turn of the event loop. */
export function microtasksDone(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => nextTick(resolve)));
}
