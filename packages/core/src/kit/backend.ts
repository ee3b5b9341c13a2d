import type { SessionEntry, SessionRecord } from "../store.js";
import type { BatchQueueOptions } from "./batch-queue.js";
import type { Answer, Call } from "./call.js";

/** A value, or the promise of one. */
export type Awaitable<T> = T | Promise<T>;

/** Steps of long work, between which other calls and the event loop have their turn. */
export type Steps<T> = Iterable<T> | AsyncIterable<T>;

/**
 * What a store brings to a {@link StoreBase}: how its backend carries out calls. One of `executeNow`, `execute` and
 * `queue` says so. Errors may be the driver's own: `toStoreError` translates them.
 */
export interface Backend {
  /**
   * Carries out a call at once, on the event loop: for a backend in the memory of the process, best with `findNow`.
   * The bytes are still the caller's: copy them. A `find`, `delete` or `touch` may be of a malformed token, which was
   * never stored, or of no string at all.
   */
  executeNow?: ((call: Call) => Answer) | undefined;
  /**
   * Carries out one call, in turn with the others of its token. Up to `concurrency` calls are under way at once.
   */
  execute?(call: Call): Promise<Answer>;
  /** How many calls `execute` is given at once. @default 64 */
  readonly concurrency?: number;
  /** What a call that has run out of time is told, with `execute`. @default that it is not known */
  lateMessage?(call: Call): string | undefined;
  /** Carries out calls in batches: see {@link BatchQueueOptions}. */
  readonly queue?: Omit<BatchQueueOptions, "name" | "timeoutMs"> | undefined;
  /** Finds at once, on the event loop. Asked when no call of the token is under way. */
  findNow?(token: string): SessionRecord | undefined;
  /**
   * Reads the records page by page, each at least the live ones that it was there for throughout, and exactly once.
   * The base leaves out what has expired by its clock. The calls made before have been answered.
   */
  pages(): Steps<Iterable<SessionEntry>>;
  /** Reads all live records at one instant. Bounds its time itself. @default all pages, one after the other */
  all?(): Awaitable<Map<string, Uint8Array>>;
  /**
   * Removes what has expired, step by step, and tells how many records each step has removed. A step holds the event
   * loop, or a lock, for about 2 ms (see `TimeSlice`, `removeInBatches`); after each, the event loop turns. After
   * disposal no further step is asked for; work that goes on by itself asks `isOver`.
   */
  removeExpired(isOver: () => boolean): Steps<number>;
  /** Called by disposal, when nothing is under way. After it has failed, disposal may call it again. */
  close?(): Awaitable<void>;
  /** Makes a StoreError of an error of the driver. @default UNAVAILABLE with the error as its cause */
  toStoreError?(error: unknown): Error;
}
