import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { StoreError } from "@scs/core";
import { codeOf } from "./file-error.js";
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
  /** Until when further calls join, by `performance.now()`. */
  admitsUntil: number;
  given: Promise<void>;
  onGiven: () => void;
}

class Busy extends StoreError {}

/**
 * Runs work under the locks of shards. The calls of this process share a lock: the order of calls for one session is
 * kept by others, those for different sessions do not meet.
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
   * @throws StoreError `UNAVAILABLE`, and `work` was not begun, if another process keeps the lock for too long.
   *   Errors of the file system as they are.
   */
  async run<T>(shard: string, work: () => Promise<T>): Promise<T> {
    const held = await this.#join(shard, performance.now() + this.#busyTimeoutMs);
    try {
      return await work();
    } finally {
      // Nobody waits for it but those that want the lock: the work is done.
      if (--held.users === 0) void this.#give(shard, held);
    }
  }

  /** Resolves when no lock is held. */
  async idle(): Promise<void> {
    while (this.#held.size > 0) await Promise.all([...this.#held.values()].map(({ given }) => given));
  }

  async #join(shard: string, deadline: number): Promise<Held> {
    for (;;) {
      let held = this.#held.get(shard);
      if (held !== undefined && (held.users === 0 || performance.now() >= held.admitsUntil)) {
        await held.given;
        continue;
      }
      if (held === undefined) {
        const { promise: given, resolve: onGiven } = withResolvers();
        const taken = this.#take(shard, deadline);
        held = { users: 0, taken, admitsUntil: Number.POSITIVE_INFINITY, given, onGiven };
        this.#held.set(shard, held);
      }
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

  async #take(shard: string, deadline: number): Promise<readonly string[]> {
    for (let delay = FIRST_DELAY_MS; ; delay = Math.min(delay * 2, LONGEST_DELAY_MS)) {
      const names = await this.#try(shard);
      if (names !== undefined) return names;
      const left = deadline - performance.now();
      if (left <= 0) {
        throw new Busy(
          "UNAVAILABLE",
          `filestore: another process has kept the lock of a shard for ${this.#busyTimeoutMs} ms`,
        );
      }
      await setTimeout(Math.min(left, delay * (0.5 + Math.random())));
    }
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
        await setTimeout(2 ** tries); // kept, it locks out every other process; the next to take it here finds it
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
