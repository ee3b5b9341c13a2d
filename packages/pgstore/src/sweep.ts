import { setTimeout } from "node:timers/promises";
import type { PgResult } from "./connection/pool.js";
import { fromEpoch } from "./wire/timestamp.js";

/** How many rows a batch has at first and at least, however far the server is and slow its disk, and at most. */
const MIN_ROWS = 64;
const MAX_ROWS = 1024;
/** About how long one batch holds the locks of its rows. */
const BATCH_MS = 10;

/** Removes the next expired rows from an expiry on, in ms since the epoch, and tells how many, and the last expiry. */
export type RemoveNext = (from: number, rows: number) => Promise<PgResult>;

/**
 * Removes what has expired, batch by batch, with pauses that leave the server half of its time. Gives how many.
 *
 * Each batch goes on from the last expiry: the index still has what the batches before have removed, and to skip it
 * each time would take longer and longer. Rows that others have locked are left for the next cleanup.
 *
 * @param isOver whether to leave the rest to another cleanup.
 */
export async function sweep(removeNext: RemoveNext, isOver: () => boolean): Promise<number> {
  let removed = 0;
  let from = Number.NEGATIVE_INFINITY;
  for (let limit = MIN_ROWS; ; ) {
    const began = performance.now();
    const { rows } = await removeNext(from, limit);
    const [count, epoch] = rows[0] as [string, string | null];
    removed += Number(count);
    if (Number(count) < limit || epoch === null || isOver()) return removed;
    from = fromEpoch(epoch) - 1; // not behind the last, which is finer than a ms
    const elapsed = performance.now() - began;
    await setTimeout(elapsed);
    if (elapsed > 2 * BATCH_MS) limit = Math.max(MIN_ROWS, Math.ceil(limit / 2));
    else if (elapsed < BATCH_MS) limit = Math.min(limit * 2, MAX_ROWS);
  }
}
