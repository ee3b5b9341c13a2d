import { performance } from "node:perf_hooks";
import { setImmediate } from "node:timers/promises";

/** Short enough not to delay requests noticeably, long enough to make progress. */
const SLICE_MS = 2;

/**
 * Divides long work into slices of about 2 ms. Between slices, the event loop turns. In the loop of the work:
 * `if (slice.isOver) await slice.next();`
 */
export class TimeSlice {
  #end: number = performance.now() + SLICE_MS;

  get isOver(): boolean {
    return performance.now() >= this.#end;
  }

  /** Lets the event loop turn once, and begins the next slice. */
  async next(): Promise<void> {
    await setImmediate();
    this.#end = performance.now() + SLICE_MS;
  }
}
