import { performance } from "node:perf_hooks";
import type { Removal } from "./backend.js";

/** Options of `removeInBatches`. */
export interface CleanupBatchOptions {
  /** Removes up to `limit` expired records. `isLast`: there are no more, or another cleanup removes the rest. */
  removeNext: (limit: number) => Promise<{ removed: number; isLast: boolean }>;
  /** Time that a batch should take, and hold its locks, in ms. */
  batchMs: number;
  /** Number of records of the first batch, and the minimum, even when a commit takes longer. @default 64 */
  minRecords?: number;
  /** Maximum number of records of a batch. @default 1_024 */
  maxRecords?: number;
}

/**
 * Removes expired records in batches of about `batchMs`, for `removeExpired` of a backend that others use as well. The
 * pause after a batch is as long as the batch: half of the time belongs to the others.
 */
export async function* removeInBatches({
  removeNext,
  batchMs,
  minRecords = 64,
  maxRecords = 1024,
}: CleanupBatchOptions): AsyncGenerator<Removal, void> {
  for (let limit = minRecords; ; ) {
    const began = performance.now();
    const { removed, isLast } = await removeNext(limit);
    const elapsed = performance.now() - began;
    yield { removed, pauseMs: isLast ? 0 : elapsed };
    if (isLast) return;
    if (elapsed > 2 * batchMs) limit = Math.max(minRecords, Math.ceil(limit / 2));
    else if (elapsed < batchMs) limit = Math.min(limit * 2, maxRecords);
  }
}
