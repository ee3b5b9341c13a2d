import { cleanUp } from "./cleanup-channel.js";
import type { ExpiringStore, StoreOptions } from "./store.js";
import { report, StoreError, warnOncePerCode } from "./store-error.js";

/** Maximum delay of a Node.js timer in ms, about 24.8 days. A timer with a longer delay fires at once. */
export const MAX_DELAY_MS: number = 2 ** 31 - 1;

/** Maximum share added to each interval, so that the hosts of a fleet do not clean up at the same time. */
const JITTER = 0.1;

/** Keeps each scheduler alive as long as its store. */
const schedulers: WeakMap<object, readonly CleanupScheduler[]> = new WeakMap();

/**
 * Calls `deleteExpired` of a store at an interval. One run at a time: the next is scheduled when the last has ended. The
 * timer never keeps the process alive.
 *
 * Lives as long as its store, which it references weakly: a store that the app has dropped is collected, even if
 * `onError` refers to it, and the timer ends by itself.
 */
export class CleanupScheduler {
  readonly #store: WeakRef<Pick<ExpiringStore, "deleteExpired">>;
  readonly #intervalMs: number;
  readonly #onError: (error: StoreError) => void;
  #timer: NodeJS.Timeout | undefined;
  #run: Promise<void> | undefined;
  #stopped = false;

  /**
   * Starts the schedule, unless `cleanupIntervalMs` is 0.
   *
   * @throws TypeError if `cleanupIntervalMs` is no number or `onError` no function.
   * @throws RangeError if `cleanupIntervalMs` is not a whole number from 0 to {@link MAX_DELAY_MS}.
   */
  constructor(
    store: Pick<ExpiringStore, "deleteExpired">,
    {
      cleanupIntervalMs,
      onError = warnOncePerCode(),
    }: Required<Pick<StoreOptions, "cleanupIntervalMs">> & { onError?: StoreOptions["onError"] | undefined },
  ) {
    if (typeof cleanupIntervalMs !== "number") {
      throw new TypeError(
        `cleanupIntervalMs must be a number of milliseconds, got ${typeof cleanupIntervalMs}`,
      );
    }
    if (!Number.isInteger(cleanupIntervalMs) || cleanupIntervalMs < 0 || cleanupIntervalMs > MAX_DELAY_MS) {
      throw new RangeError(
        `cleanupIntervalMs must be a whole number from 0 (no background cleanup) to ${MAX_DELAY_MS}, got ${cleanupIntervalMs}`,
      );
    }
    if (typeof onError !== "function")
      throw new TypeError(`onError must be a function, got ${typeof onError}`);
    this.#store = new WeakRef(store);
    schedulers.set(store, [...(schedulers.get(store) ?? []), this]);
    this.#intervalMs = cleanupIntervalMs;
    this.#onError = onError;
    if (cleanupIntervalMs > 0) this.#schedule();
    else this.#stopped = true;
  }

  /** Ends the schedule. Resolves when the run in progress has ended. May be called again. */
  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#run;
  }

  #schedule(): void {
    const delay = Math.min(this.#intervalMs * (1 + JITTER * Math.random()), MAX_DELAY_MS);
    const scheduler = new WeakRef(this); // `this` in the closure would keep the store through its onError
    this.#timer = setTimeout(() => {
      const self = scheduler.deref();
      if (self !== undefined) self.#begin();
    }, delay);
    this.#timer.unref?.(); // timers of jsdom are numbers, and do not keep the process alive
  }

  #begin(): void {
    const store = this.#store.deref();
    if (store === undefined) return;
    this.#run = this.#clean(store).then(() => {
      this.#run = undefined;
      if (!this.#stopped) this.#schedule();
    });
  }

  async #clean(store: Pick<ExpiringStore, "deleteExpired">): Promise<void> {
    try {
      await cleanUp(store);
    } catch (error) {
      this.#report(error);
    }
  }

  #report(error: unknown): void {
    const named = error instanceof Error && error.name === "StoreError";
    report(
      this.#onError,
      named
        ? (error as StoreError)
        : new StoreError("UNAVAILABLE", "the background cleanup failed", { cause: error }),
    );
  }
}
