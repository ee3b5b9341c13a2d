import { CleanupScheduler } from "../cleanup-scheduler.js";
import { assertData, assertExpiry, assertToken, isToken } from "../record-rules.js";
import type { FullStore, SessionEntry, SessionRecord, StoreOptions } from "../store.js";
import { StoreError, warnOncePerCode } from "../store-error.js";
import type { Awaitable, Backend } from "./backend.js";
import { queueOf } from "./backend-queue.js";
import type { BatchQueue } from "./batch-queue.js";
import type { Answer, Call, CallKind } from "./call.js";
import { LongWork } from "./long-work.js";
import { assertFunction } from "./options.js";
import { TimeSlice } from "./time-slice.js";
import { backendError } from "./to-store-error.js";

/** Options of a `StoreBase`. */
export interface StoreBaseOptions extends StoreOptions {
  /** The name of the store, which begins each message. */
  name: string;
  cleanupIntervalMs: number;
  /** Maximum time of a call, from the moment it was made. @default 5_000 */
  timeoutMs?: number;
  /** Maximum time of a page of `entries`, and of a step of a cleanup. @default timeoutMs */
  stepTimeoutMs?: number;
  /** Maximum size of the data of a record that the backend can store, in bytes. @default no limit */
  maxDataBytes?: number;
  /**
   * Whether `now` is the clock by which records expire. If not, the backend itself leaves out expired records.
   *
   * @default true
   */
  hasClock?: boolean;
}

const NEVER: number = Number.POSITIVE_INFINITY;

/**
 * Implements the contract over a {@link Backend}: checks arguments, copies bytes, keeps the order of the calls for one
 * token, bounds the time of each call, cleans up in the background, and rejects with `CLOSED` after disposal.
 *
 * A store extends it, makes its backend, and passes both to the constructor.
 */
export class StoreBase implements FullStore {
  readonly #backend: Backend;
  readonly #name: string;
  readonly #maxDataBytes: number;
  readonly #now: (() => number) | undefined;
  readonly #queue: BatchQueue | undefined;
  readonly #cleanup: CleanupScheduler;
  readonly #longWork: LongWork;
  #isClosed = false;
  #closing: Promise<void> | undefined;

  /**
   * @throws TypeError or RangeError if `cleanupIntervalMs`, `onError` or `now` is invalid, or the backend has no method
   *   that executes calls.
   */
  constructor(backend: Backend, options: StoreBaseOptions) {
    const { name, cleanupIntervalMs, timeoutMs = 5_000, onError = warnOncePerCode() } = options;
    const { now = () => Date.now() } = options;
    assertFunction("now", now);
    this.#backend = backend;
    this.#name = name;
    this.#maxDataBytes = options.maxDataBytes ?? Number.POSITIVE_INFINITY;
    this.#now = (options.hasClock ?? true) ? now : undefined;
    this.#queue = queueOf(backend, { name, timeoutMs });
    const stepTimeoutMs = options.stepTimeoutMs ?? timeoutMs;
    this.#longWork = new LongWork({
      queue: this.#queue,
      stepTimeoutMs,
      lateError: () => new StoreError("UNAVAILABLE", `${name}: no answer within ${stepTimeoutMs} ms`),
      toStoreError: (error) => this.#toStoreError(error),
    });
    this.#cleanup = new CleanupScheduler(this, { cleanupIntervalMs, onError });
  }

  async find(token: string): Promise<SessionRecord | undefined> {
    if (this.#isClosed) throw this.#closedError();
    const queue = this.#queue;
    if (queue !== undefined && !isToken(token)) return undefined;
    if (this.#backend.findNow === undefined || queue?.isPending(token))
      return this.#run<SessionRecord | undefined>("find", token);
    try {
      return this.#backend.findNow(token);
    } catch (error) {
      throw this.#toStoreError(error);
    }
  }

  async commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    this.#assertOpen();
    assertToken(token);
    assertData(data, this.#maxDataBytes);
    assertExpiry(expiry);
    return this.#run<undefined>("commit", token, undefined, data, expiry.getTime());
  }

  async delete(token: string): Promise<void> {
    this.#assertOpen();
    if (this.#mayBeStored(token)) return this.#run<undefined>("delete", token);
  }

  async replace(
    token: string,
    previous: Uint8Array | undefined,
    data: Uint8Array,
    expiry: Date,
  ): Promise<boolean> {
    this.#assertOpen();
    if (previous !== undefined) assertData(previous, this.#maxDataBytes);
    assertData(data, this.#maxDataBytes);
    assertExpiry(expiry);
    return isToken(token) && this.#run<boolean>("replace", token, previous, data, expiry.getTime());
  }

  async touch(token: string, expiry: Date): Promise<boolean> {
    this.#assertOpen();
    assertExpiry(expiry);
    return (
      this.#mayBeStored(token) && this.#run<boolean>("touch", token, undefined, undefined, expiry.getTime())
    );
  }

  async *entries(): AsyncIterableIterator<SessionEntry> {
    this.#assertOpen();
    await this.#longWork.answered();
    this.#assertOpen();
    const slice = new TimeSlice();
    for await (const page of this.#longWork.steps(() => this.#backend.pages())) {
      this.#assertOpen(); // a walk that disposal cut short must not look complete
      for (const entry of page) {
        if (this.#isLive(entry)) yield entry;
        if (slice.isOver) await slice.next();
        this.#assertOpen();
      }
    }
    this.#assertOpen();
  }

  /** Reads all records into memory. Where the backend can take a snapshot, of one instant: see the store's README. */
  async all(): Promise<Map<string, Uint8Array>> {
    this.#assertOpen();
    const { all } = this.#backend;
    if (all === undefined) {
      const live = new Map<string, Uint8Array>();
      for await (const { token, data } of this.entries()) live.set(token, data);
      return live;
    }
    return this.#longWork.afterCalls(async () => {
      try {
        return await all.call(this.#backend);
      } catch (error) {
        throw this.#toStoreError(error);
      }
    });
  }

  async deleteExpired(): Promise<number> {
    this.#assertOpen();
    return this.#longWork.afterCalls(() => {
      const isOver = (): boolean => this.#isClosed; // cut short without an error, which the background cleanup would report
      return this.#longWork.cleanUp(() => this.#backend.removeExpired(isOver), isOver);
    });
  }

  async stopCleanup(): Promise<void> {
    await this.#cleanup.stop();
  }

  /** May be called again: after a failure, it tries again to close the backend. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#closing ??= this.#close();
    try {
      await this.#closing;
    } catch (error) {
      this.#closing = undefined;
      throw error;
    }
  }

  /**
   * Runs the work of a method beyond the contract, such as the creation of a table, after the calls made so far.
   * Disposal waits for it.
   *
   * @throws StoreError `CLOSED` after disposal, `UNAVAILABLE` if the work fails or takes longer than the timeout of a step.
   */
  protected async whileOpen<T>(work: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    return this.#longWork.afterCalls(() => this.#longWork.attempt(work));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw this.#closedError();
  }

  #closedError(): StoreError {
    return new StoreError("CLOSED", `${this.#name}: the store has been disposed of; open a new one`);
  }

  #isLive({ expiry }: SessionEntry): boolean {
    if (this.#now === undefined) return true;
    try {
      return expiry.getTime() > this.#now();
    } catch (error) {
      throw this.#toStoreError(error); // the app's clock has thrown
    }
  }

  /** Returns whether a lookup is worthwhile. In memory, looking a malformed token up is cheaper than checking it. */
  #mayBeStored(token: unknown): boolean {
    return this.#queue === undefined || isToken(token);
  }

  #run<T extends SessionRecord | boolean | undefined>(
    kind: CallKind,
    token: string,
    previous?: Uint8Array,
    data?: Uint8Array,
    expiry = 0,
  ): Awaitable<T> {
    if (this.#queue !== undefined) {
      return this.#queue.run<T>(kind, token, previous && copy(previous), data && copy(data), expiry);
    }
    let answer: Answer;
    try {
      answer = this.#backend.executeNow?.({ kind, token, previous, data, expiry, deadline: NEVER } as Call);
    } catch (error) {
      throw this.#toStoreError(error);
    }
    if (answer instanceof Error) throw answer;
    return answer as T;
  }

  async #close(): Promise<void> {
    await this.#cleanup.stop();
    await this.#queue?.close();
    await this.#longWork.finished();
    try {
      await this.#backend.close?.();
    } catch (error) {
      throw this.#toStoreError(error);
    }
  }

  #toStoreError(error: unknown): Error {
    return backendError(this.#backend, this.#name, error);
  }
}

function copy(data: Uint8Array): Uint8Array {
  return Buffer.from(data);
}
