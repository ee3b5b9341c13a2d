import { performance } from "node:perf_hooks";
import { pause } from "./timers.js";

export interface CleanupBatchOptions {
  /** Removes up to `limit` expired records. `isLast`: there are no more, or the rest is left to another cleanup. */
  removeNext: (limit: number) => Promise<{ removed: number; isLast: boolean }>;
  /** About how long a batch holds its locks, and how long the pause after it is at least. */
  batchMs: number;
  /** Number of records of the first batch, and the minimum, however long a commit takes. @default 64 */
  minRecords?: number;
  /** @default 1_024 */
  maxRecords?: number;
}

/**
 * Removes what has expired from a backend that others use as well, batch by batch, each about `batchMs` long. After
 * each, it pauses for as long as the batch took: half of the time is the others'. For `removeExpired` of a backend.
 */
export async function* removeInBatches({
  removeNext,
  batchMs,
  minRecords = 64,
  maxRecords = 1024,
}: CleanupBatchOptions): AsyncGenerator<number, void> {
  for (let limit = minRecords; ; ) {
    const began = performance.now();
    const { removed, isLast } = await removeNext(limit);
    const elapsed = performance.now() - began;
    yield removed;
    if (isLast) return;
    await pause(elapsed);
    yield 0; // a step of its own: a slow batch and its pause must not run out of the time of one
    if (elapsed > 2 * batchMs) limit = Math.max(minRecords, Math.ceil(limit / 2));
    else if (elapsed < batchMs) limit = Math.min(limit * 2, maxRecords);
  }
}
