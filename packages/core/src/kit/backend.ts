import type { SessionEntry, SessionRecord } from "../store.js";
import type { BatchQueueOptions } from "./batch-queue.js";
import type { Answer, Call } from "./call.js";

/** A value, or a promise of it. */
export type Awaitable<T> = T | Promise<T>;

/** Steps of long work. Between two steps, other calls and the event loop get their turn. */
export type Steps<T> = Iterable<T> | AsyncIterable<T>;

/** The result of one step of a cleanup. */
export interface Removal {
  /** Number of records removed. */
  removed: number;
  /** Time to leave the backend to others before the next step, in ms. The timeout of a step does not include it. */
  pauseMs: number;
}

/**
 * The part of a store that executes calls: what a {@link StoreBase} needs. It has one of `executeNow`, `execute` and
 * `queue`. It may throw errors of the driver: `toStoreError` translates them.
 */
export interface Backend {
  /**
   * Executes a call synchronously, for a backend in the memory of the process. Define `findNow` as well: it is faster.
   * Copy the bytes: they belong to the caller. The token of a `find`, `delete` or `touch` may be malformed, or no string;
   * no record is stored under it.
   */
  executeNow?: ((call: Call) => Answer) | undefined;
  /** Executes one call. Calls for one token follow one another; of different tokens, `concurrency` are in flight at once. */
  execute?(call: Call): Promise<Answer>;
  /** Maximum number of calls of `execute` in flight. @default 64 */
  readonly concurrency?: number;
  /** Returns the message for a call of `execute` that has run out of time. @default that its effect is unknown */
  lateMessage?(call: Call): string | undefined;
  /** Executes calls in batches: see {@link BatchQueueOptions}. */
  readonly queue?: Omit<BatchQueueOptions, "name" | "timeoutMs"> | undefined;
  /** Finds a record synchronously. Called when no call of the token is in flight. */
  findNow?(token: string): SessionRecord | undefined;
  /**
   * Reads the records page by page: every record that is live throughout, exactly once. May include expired records,
   * which the base leaves out by its clock. Called when all earlier calls have their answers.
   */
  pages(): Steps<Iterable<SessionEntry>>;
  /** Reads all live records at one instant, and bounds its time itself. @default all pages, one after another */
  all?(): Awaitable<Map<string, Uint8Array>>;
  /**
   * Removes expired records step by step, and yields the number removed by each step. A step holds the event loop, or a
   * lock, for about 2 ms: see `TimeSlice` and `removeInBatches`. After each step, the event loop turns. Disposal takes no
   * further step; work that continues without steps asks `isOver`.
   */
  removeExpired(isOver: () => boolean): Steps<number | Removal>;
  /**
   * Called by disposal, when nothing is in flight: disposal waits for a call that has run out of time as well, so each
   * must end, for example by a timeout of the driver. After a failure, disposal may call it again.
   */
  close?(): Awaitable<void>;
  /** Translates an error of the driver into a StoreError. @default `UNAVAILABLE` with the error as its cause */
  toStoreError?(error: unknown): Error;
}
