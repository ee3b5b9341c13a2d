import { setImmediate } from "node:timers/promises";
import { callGuarded } from "../guarded.js";
import type { StoreError } from "../store-error.js";
import type { Awaitable, Removal, Steps } from "./backend.js";
import type { BatchQueue } from "./batch-queue.js";
import { pause, withTimeout } from "./timers.js";

export interface LongWorkOptions {
  /** The queue whose calls come first. Without one, calls are answered at once. */
  queue: BatchQueue | undefined;
  stepTimeoutMs: number;
  lateError: () => StoreError;
  /** Translates the errors of the backend. */
  toStoreError: (error: unknown) => Error;
}

/** Runs work that takes longer than a call: walks, snapshots, cleanups, the creation of a table. */
export class LongWork {
  readonly #options: LongWorkOptions;
  readonly #inFlight: Set<Promise<unknown>> = new Set();

  constructor(options: LongWorkOptions) {
    this.#options = options;
  }

  /** Runs one step: bounds its time, and translates its errors. */
  async attempt<T>(step: () => Awaitable<T>): Promise<T> {
    const { stepTimeoutMs, lateError, toStoreError } = this.#options;
    try {
      const result = step();
      return await (result instanceof Promise ? withTimeout(result, stepTimeoutMs, lateError) : result);
    } catch (error) {
      throw toStoreError(error);
    }
  }

  /** Takes steps one by one, by {@link attempt}. Leaving the loop ends the work, without waiting for it. */
  async *steps<T>(begin: () => Steps<T>): AsyncGenerator<T, void> {
    const steps = await this.attempt(begin);
    const iterator = Symbol.asyncIterator in steps ? steps[Symbol.asyncIterator]() : steps[Symbol.iterator]();
    let isOver = false;
    try {
      for (;;) {
        const next = await this.attempt(() => iterator.next());
        isOver = next.done === true;
        if (next.done) return;
        yield next.value;
      }
    } finally {
      if (!isOver)
        callGuarded(
          () => iterator.return?.(),
          () => undefined,
        );
    }
  }

  /** Takes the steps of a cleanup until `isOver`, with a pause or a turn of the event loop after each. Returns the sum. */
  async cleanUp(begin: () => Steps<number | Removal>, isOver: () => boolean): Promise<number> {
    let sum = 0;
    if (isOver()) return sum;
    for await (const step of this.steps(begin)) {
      const { removed, pauseMs } = typeof step === "number" ? { removed: step, pauseMs: 0 } : step;
      sum += removed;
      if (isOver()) break;
      await (pauseMs > 0 ? pause(pauseMs) : setImmediate());
    }
    return sum;
  }

  /** Resolves when the calls made so far have their answers, or rejects after the timeout of a step. */
  async answered(): Promise<void> {
    const { queue, stepTimeoutMs, lateError } = this.#options;
    if (queue !== undefined) await withTimeout(queue.answered(), stepTimeoutMs, lateError);
  }

  /** Runs work after the calls made so far. {@link finished} waits for it. */
  async afterCalls<T>(work: () => Promise<T>): Promise<T> {
    const begin = async (): Promise<T> => {
      if (this.#options.queue !== undefined) await this.answered(); // without a queue, a snapshot shows this very instant
      return work();
    };
    const task = begin();
    this.#inFlight.add(task);
    try {
      return await task;
    } finally {
      this.#inFlight.delete(task);
    }
  }

  /** Resolves when all work of {@link afterCalls} has ended, well or not. */
  async finished(): Promise<void> {
    await Promise.allSettled(this.#inFlight);
  }
}
