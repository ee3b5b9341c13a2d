import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { StoreError } from "@scs/core";
import { pause } from "@scs/core/kit";
import { codeOf } from "../files/file-error.js";
import type { ShardLock } from "./shard-lock.js";

/** Time that a lock admits further calls of this process, before other processes get a chance. */
const ADMITTING_MS = 10;

const FIRST_DELAY_MS = 1;
const LONGEST_DELAY_MS = 8;

/** Number of attempts to release a lock, with doubling pauses, if the file system fails. */
const GIVING_TRIES = 10;

interface Held {
  /** Number of calls of this process that hold it or wait for it. */
  users: number;
  taken: Promise<readonly string[]>;
  /** Whether another process had the lock at the last attempt. */
  isBlocked: boolean;
  /** When it stops admitting further calls, by `performance.now()`. */
  admitsUntil: number;
  given: Promise<void>;
  onGiven: () => void;
}

class Busy extends StoreError {}

interface JoinOptions {
  deadline: number;
  isShared: boolean;
}

/**
 * Runs work under the locks of shards. The calls of this process share a lock: the queue keeps the order of calls for one
 * session, and calls for different sessions do not conflict. A cleanup holds a lock exclusively.
 */
export class ShardLocks {
  readonly #root: string;
  readonly #lock: ShardLock;
  readonly #busyTimeoutMs: number;
  /** Creates the directory of a shard, and the owner file. */
  readonly #prepare: (shard: string) => Promise<void>;
  readonly #held: Map<string, Held> = new Map();

  constructor(
    root: string,
    lock: ShardLock,
    options: { busyTimeoutMs: number; prepare: (shard: string) => Promise<void> },
  ) {
    this.#root = root;
    this.#lock = lock;
    this.#busyTimeoutMs = options.busyTimeoutMs;
    this.#prepare = options.prepare;
  }

  /**
   * Runs `work` while no other process works under the lock of this shard.
   *
   * @param deadline By `performance.now()`.
   * @throws StoreError `UNAVAILABLE` if the lock was not available before the deadline; `work` was not started. Errors of
   *   the file system pass through.
   */
  run<T>(shard: string, deadline: number, work: () => Promise<T>): Promise<T> {
    return this.#run(shard, { deadline, isShared: true }, work);
  }

  /** Runs as {@link run} does, and excludes the other calls of this process. */
  runAlone<T>(shard: string, work: () => Promise<T>): Promise<T> {
    return this.#run(shard, { deadline: performance.now() + this.#busyTimeoutMs, isShared: false }, work);
  }

  /** Returns whether calls of this process wait until the lock is released. */
  isWaitedFor(shard: string): boolean {
    return this.#held.get(shard)?.isBlocked ?? false;
  }

  /** Resolves when no lock is held. */
  async idle(): Promise<void> {
    while (this.#held.size > 0) await Promise.all([...this.#held.values()].map(({ given }) => given));
  }

  async #run<T>(shard: string, options: JoinOptions, work: () => Promise<T>): Promise<T> {
    const held = await this.#join(shard, options);
    try {
      if (performance.now() >= options.deadline) throw this.#busyError();
      return await work();
    } finally {
      // Only callers that want the lock wait for this: the work is done.
      if (--held.users === 0) void this.#give(shard, held);
    }
  }

  async #join(shard: string, { deadline, isShared }: JoinOptions): Promise<Held> {
    for (;;) {
      let held = this.#held.get(shard);
      const isAdmitted = isShared && held !== undefined && held.users > 0;
      if (held !== undefined && (!isAdmitted || performance.now() >= held.admitsUntil)) {
        await held.given;
        continue;
      }
      held ??= this.#begin(shard, { deadline, isShared });
      held.users++;
      try {
        await held.taken;
        if (held.admitsUntil === Number.POSITIVE_INFINITY)
          held.admitsUntil = performance.now() + ADMITTING_MS;
        return held;
      } catch (error) {
        if (this.#held.get(shard) === held) this.#held.delete(shard);
        held.onGiven();
        // The deadline of an earlier call had passed, not the one of this call.
        if (!(error instanceof Busy) || performance.now() >= deadline) throw error;
      }
    }
  }

  #begin(shard: string, { deadline, isShared }: JoinOptions): Held {
    const { promise: given, resolve: onGiven } = withResolvers();
    const held: Held = {
      users: 0,
      taken: this.#take(shard, deadline, () => {
        held.isBlocked = true;
      }),
      isBlocked: false,
      admitsUntil: isShared ? Number.POSITIVE_INFINITY : 0,
      given,
      onGiven,
    };
    held.taken.then(
      () => {
        held.isBlocked = false;
      },
      () => undefined,
    );
    this.#held.set(shard, held);
    return held;
  }

  async #take(shard: string, deadline: number, onBlocked: () => void): Promise<readonly string[]> {
    for (let delay = FIRST_DELAY_MS; ; delay = Math.min(delay * 2, LONGEST_DELAY_MS)) {
      const names = await this.#try(shard);
      if (names !== undefined) return names;
      onBlocked();
      const left = deadline - performance.now();
      if (left <= 0) throw this.#busyError();
      await pause(Math.min(left, delay * (0.5 + Math.random())));
    }
  }

  #busyError(): Busy {
    return new Busy(
      "UNAVAILABLE",
      `filestore: another process has kept the lock of a shard for ${this.#busyTimeoutMs} ms`,
    );
  }

  async #try(shard: string): Promise<readonly string[] | undefined> {
    const path = join(this.#root, shard);
    try {
      return await this.#lock.take(path);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
    }
    await this.#prepare(shard);
    return this.#lock.take(path);
  }

  async #give(shard: string, held: Held): Promise<void> {
    for (let tries = 0; tries < GIVING_TRIES; tries++) {
      try {
        await this.#lock.give(await held.taken);
        break;
      } catch {
        await pause(2 ** tries); // an unreleased lock blocks every other process; the next call here finds it
      }
    }
    this.#held.delete(shard);
    held.onGiven();
  }
}

function withResolvers(): { promise: Promise<void>; resolve: () => void } {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
