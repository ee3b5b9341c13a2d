import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { StoreError } from "@scs/core";
import { pause } from "@scs/core/kit";
import { codeOf } from "../files/file-error.js";
import type { ShardLock } from "./shard-lock.js";

/** How long a lock that was taken lets in further calls of this process, before others get their chance. */
const ADMITTING_MS = 10;

const FIRST_DELAY_MS = 1;
const LONGEST_DELAY_MS = 8;

/** How often it is tried to give a lock back, with pauses that double, if the file system fails. */
const GIVING_TRIES = 10;

interface Held {
  /** Of this process, how many calls work under it or wait for it. */
  users: number;
  taken: Promise<readonly string[]>;
  /** Whether another process has the lock, which was met when it was tried to take it. */
  isBlocked: boolean;
  /** Until when further calls join, by `performance.now()`. */
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
 * Runs work under the locks of shards. The calls of this process share a lock: the order of calls for one session is
 * kept by the queue, those for different sessions do not meet. A cleanup has a lock to itself.
 */
export class ShardLocks {
  readonly #root: string;
  readonly #lock: ShardLock;
  readonly #busyTimeoutMs: number;
  /** Makes what a lock needs: the directory of the shard, the owner file. */
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
   * @throws StoreError `UNAVAILABLE`, and `work` was not begun, if the lock could not be had before the deadline.
   *   Errors of the file system as they are.
   */
  run<T>(shard: string, deadline: number, work: () => Promise<T>): Promise<T> {
    return this.#run(shard, { deadline, isShared: true }, work);
  }

  /** As {@link run}, while no other call of this process works under the lock, either. */
  runAlone<T>(shard: string, work: () => Promise<T>): Promise<T> {
    return this.#run(shard, { deadline: performance.now() + this.#busyTimeoutMs, isShared: false }, work);
  }

  /** Whether calls of this process wait for another one to give the lock back. */
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
      // Nobody waits for it but those that want the lock: the work is done.
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
        // It was the time of another call that had run out, one that began before.
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
        await pause(2 ** tries); // kept, it locks out every other process; the next to take it here finds it
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
