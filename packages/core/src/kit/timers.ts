// Bound at import: the fake timers of Jest and vitest replace the globals, jsdom has others, and a test that stops the
// clock must not stop a call that is under way.
import { clearTimeout, setTimeout } from "node:timers";

export type Timer = ReturnType<typeof setTimeout>;

/** Starts a timer of Node.js, whatever the globals are. */
export const setTimer = (run: () => void, ms: number): Timer => setTimeout(run, ms);

export const clearTimer = (timer: Timer | undefined): void => clearTimeout(timer);

/** Resolves after `ms`. */
export const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

/** Resolves or rejects as `result` does, or rejects after `ms`, unless that is infinite. */
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

/** Resolves when every microtask that is queued, or will be by one of them, is done. Takes no turn of the event loop. */
export function microtasksDone(): Promise<void> {
  return new Promise((resolve) => queueMicrotask(() => nextTick(resolve)));
}
