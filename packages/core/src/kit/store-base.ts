import { setImmediate } from "node:timers/promises";
import { CleanupScheduler } from "../cleanup-scheduler.js";
import { assertData, assertExpiry, assertToken, isToken } from "../record-rules.js";
import type { FullStore, SessionEntry, SessionRecord, StoreOptions } from "../store.js";
import { StoreError, warnOncePerCode } from "../store-error.js";
import type { Awaitable, Backend } from "./backend.js";
import { queueOf } from "./backend-queue.js";
import { type BatchQueue, toStoreError } from "./batch-queue.js";
import type { Answer, Call, CallKind } from "./call.js";
import { assertFunction } from "./options.js";
import { takeSteps } from "./steps.js";
import { TimeSlice } from "./time-slice.js";
import { withTimeout } from "./timers.js";

export interface StoreBaseOptions extends StoreOptions {
  /** The name of the store, which begins each message. */
  name: string;
  cleanupIntervalMs: number;
  /** How long a call may take, from the moment it was made. @default 5_000 */
  timeoutMs?: number;
  /** How long a page of `entries`, `all`, or a step of a cleanup may take. @default that of a call */
  stepTimeoutMs?: number;
  /** The longest data that the backend takes. @default no limit */
  maxDataBytes?: number;
  /**
   * Whether `now` is the clock by which records expire. Without it, the backend leaves out what has expired.
   *
   * @default true
   */
  hasClock?: boolean;
}

const NEVER: number = Number.POSITIVE_INFINITY;

/**
 * A store on a {@link Backend}. Has what all stores need: the rules for what goes in, copies, the order of the calls for
 * one token, timeouts, the background cleanup, disposal, `CLOSED`.
 *
 * A store extends it, makes its backend and passes both to the constructor.
 */
export class StoreBase implements FullStore {
  readonly #backend: Backend;
  readonly #name: string;
  readonly #stepTimeoutMs: number;
  readonly #maxDataBytes: number;
  readonly #now: (() => number) | undefined;
  readonly #queue: BatchQueue | undefined;
  readonly #cleanup: CleanupScheduler;
  readonly #underWay: Set<Promise<unknown>> = new Set();
  #isClosed = false;
  #closing: Promise<void> | undefined;

  /**
   * @throws TypeError or RangeError if `cleanupIntervalMs`, `onError` or `now` is not what it must be, or the backend
   *   does not say how it carries out calls.
   */
  constructor(backend: Backend, options: StoreBaseOptions) {
    const { name, cleanupIntervalMs, timeoutMs = 5_000, onError = warnOncePerCode() } = options;
    const { now = () => Date.now() } = options;
    assertFunction("now", now);
    this.#backend = backend;
    this.#name = name;
    this.#stepTimeoutMs = options.stepTimeoutMs ?? timeoutMs;
    this.#maxDataBytes = options.maxDataBytes ?? Number.POSITIVE_INFINITY;
    this.#now = (options.hasClock ?? true) ? now : undefined;
    this.#queue = queueOf(backend, { name, timeoutMs });
    this.#cleanup = new CleanupScheduler(this, { cleanupIntervalMs, onError });
  }

  async find(token: string): Promise<SessionRecord | undefined> {
    if (this.#isClosed) throw this.#closedError();
    const queue = this.#queue;
    if (queue === undefined && this.#backend.findNow !== undefined) {
      try {
        return this.#backend.findNow(token); // by no further function: it would cost a tenth
      } catch (error) {
        throw this.#toStoreError(error);
      }
    }
    if (!isToken(token)) return undefined;
    if (this.#backend.findNow !== undefined && !queue?.isPending(token)) return this.#findNow(token);
    return this.#run<SessionRecord | undefined>("find", token);
  }

  async commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    this.#assertOpen();
    assertToken(token);
    this.#assertData(data);
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
    if (previous !== undefined) this.#assertData(previous);
    this.#assertData(data);
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
    await this.#answered();
    this.#assertOpen();
    const slice = new TimeSlice();
    for await (const page of takeSteps(this.#backend.pages(), (step) => this.#attempt(step))) {
      this.#assertOpen(); // a walk that disposal has cut short must not look like a complete one
      for (const entry of page) {
        if (this.#isLive(entry)) yield entry;
        if (slice.isOver) await slice.next();
        this.#assertOpen();
      }
    }
    this.#assertOpen();
  }

  /** Holds all records in memory. A snapshot of one instant where the backend can take one: see the store's README. */
  async all(): Promise<Map<string, Uint8Array>> {
    this.#assertOpen();
    const { all } = this.#backend;
    if (all === undefined) {
      const live = new Map<string, Uint8Array>();
      for await (const { token, data } of this.entries()) live.set(token, data);
      return live;
    }
    return this.#whenAnswered(async () => {
      try {
        return await all.call(this.#backend);
      } catch (error) {
        throw this.#toStoreError(error);
      }
    });
  }

  async deleteExpired(): Promise<number> {
    this.#assertOpen();
    return this.#whenAnswered(() => this.#removeExpired());
  }

  async stopCleanup(): Promise<void> {
    await this.#cleanup.stop();
  }

  /** May be called again: after a failure, it tries anew to close the backend. */
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
   * Does work of a method that the contract does not have, such as the creation of a table: rejects with `CLOSED` after
   * disposal, which waits for it, and with a StoreError if it fails or takes longer than the timeout. The calls made
   * before have been answered.
   */
  protected async whileOpen<T>(work: () => Promise<T>): Promise<T> {
    this.#assertOpen();
    return this.#whenAnswered(() => this.#attempt(work));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw this.#closedError();
  }

  #closedError(): StoreError {
    return new StoreError("CLOSED", `${this.#name}: the store has been disposed of; open a new one`);
  }

  #assertData(data: unknown): asserts data is Uint8Array {
    assertData(data);
    if (data.length > this.#maxDataBytes) {
      throw new StoreError(
        "INVALID_ARGUMENT",
        `${this.#name}: data must be at most ${this.#maxDataBytes} bytes`,
      );
    }
  }

  #isLive({ expiry }: SessionEntry): boolean {
    if (this.#now === undefined) return true;
    try {
      return expiry.getTime() > this.#now();
    } catch (error) {
      throw this.#toStoreError(error); // of the clock of the app
    }
  }

  /** Whether there can be a record: a backend in memory has never stored a malformed token, and looks it up in no time. */
  #mayBeStored(token: unknown): boolean {
    return this.#queue === undefined || isToken(token);
  }

  #findNow(token: string): SessionRecord | undefined {
    try {
      return this.#backend.findNow?.(token);
    } catch (error) {
      throw this.#toStoreError(error);
    }
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

  async #removeExpired(): Promise<number> {
    let removed = 0;
    if (this.#isClosed) return removed;
    for await (const count of takeSteps(
      this.#backend.removeExpired(() => this.#isClosed),
      (step) => this.#attempt(step),
    )) {
      removed += count;
      if (this.#isClosed) break; // no error: the background cleanup would report it
      await setImmediate();
    }
    return removed;
  }

  async #attempt<T>(work: () => Awaitable<T>): Promise<T> {
    try {
      const result = work();
      return await (result instanceof Promise
        ? withTimeout(result, this.#stepTimeoutMs, () => this.#lateError())
        : result);
    } catch (error) {
      throw this.#toStoreError(error);
    }
  }

  /** Does work when the calls made before have been answered. Disposal waits for it. */
  async #whenAnswered<T>(work: () => Promise<T>): Promise<T> {
    const begin = async (): Promise<T> => {
      if (this.#queue !== undefined) await this.#answered(); // without a queue, a snapshot is of this very instant
      return work();
    };
    const task = begin();
    this.#underWay.add(task);
    try {
      return await task;
    } finally {
      this.#underWay.delete(task);
    }
  }

  /** Resolves when the calls made before have been answered, and what they left is done; within the timeout. */
  async #answered(): Promise<void> {
    if (this.#queue === undefined) return;
    await withTimeout(this.#queue.answered(), this.#stepTimeoutMs, () => this.#lateError());
  }

  async #close(): Promise<void> {
    await this.#cleanup.stop();
    await this.#queue?.close();
    await Promise.allSettled(this.#underWay);
    try {
      await this.#backend.close?.();
    } catch (error) {
      throw this.#toStoreError(error);
    }
  }

  #lateError(): StoreError {
    return new StoreError("UNAVAILABLE", `${this.#name}: no answer within ${this.#stepTimeoutMs} ms`);
  }

  #toStoreError(error: unknown): Error {
    return this.#backend.toStoreError?.(error) ?? toStoreError(this.#name, error);
  }
}

function copy(data: Uint8Array): Uint8Array {
  return Buffer.from(data);
}
