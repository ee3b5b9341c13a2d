import assert from "node:assert/strict";
import timers from "node:timers";

// Taken when the kit is loaded, so that a test's fake timers do not replace them.
const { setTimeout, clearTimeout, setImmediate } = timers;

/** Timeout of a check. Most take milliseconds; on a store in another process and a busy machine, 6 s. */
export const LIMIT_MS = 30_000;

/** Timeout of a check that makes hundreds of calls one after another, or starts a Node.js process of its own. */
export const LONG_LIMIT_MS = 120_000;

/** Waits for `work`, or fails with `message` after `limitMs`. The timer keeps the event loop alive meanwhile. */
export async function within<T>(limitMs: number, work: Promise<T>, message: string): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const limit = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new assert.AssertionError({ message })), limitMs);
  });
  return Promise.race([work, limit]).finally(() => clearTimeout(timer));
}

/** Resolves after a turn of the event loop. */
export const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
