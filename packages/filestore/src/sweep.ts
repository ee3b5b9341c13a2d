import fs from "node:fs";
import { join } from "node:path";
import { TimeSlice } from "@scs/core/kit";
import type { Directory } from "./directory.js";
import type { ExpiredSessions } from "./expired-sessions.js";
import { Failures } from "./failures.js";
import { call, readDirectory, removeFile, unlessAbsent } from "./file-calls.js";
import { codeOf } from "./file-error.js";
import { identityIn, judge, type Verdict } from "./process-identity.js";
import { isShard, nameOfFile } from "./session-name.js";
import { LOCK, type ShardLock } from "./shard-lock.js";
import type { ShardLocks } from "./shard-locks.js";

/** How many shards are swept at once, and how many files of each looked at. */
const SHARDS_AT_ONCE = 4;
const FILES_AT_ONCE = 64;

/** After a step in which so large a share had expired, the next is looked at under the lock alone: once, not twice. */
const LARGE_SHARE = 0.25;

/** After a file that it took so long to read, one that the disk was asked for, so many are left to Node's threads. */
const SLOW_MS = 0.5;
const FILES_ONCE_SLOW = 256;

/** A file of a process that cannot be judged is nobody's when it has not been touched for a day. */
const UNTOUCHED_MS = 86_400_000;

/** The shards there are, in the order of their names. */
export async function shardsOf(directory: Directory): Promise<string[]> {
  return ((await unlessAbsent(readDirectory(directory.root))) ?? []).filter(isShard).sort();
}

/** The files of sessions in a shard, each once, whatever is renamed meanwhile. */
export async function sessionsOf(directory: Directory, shard: string): Promise<string[]> {
  return namesIn((await unlessAbsent(readDirectory(join(directory.root, shard)))) ?? []);
}

function namesIn(entries: readonly string[]): string[] {
  return [...new Set(entries.map(nameOfFile).filter((name) => name !== undefined))];
}

/** Removes what has expired, and what processes that have ended left behind. */
export class Sweep {
  readonly #directory: Directory;
  readonly #expired: ExpiredSessions;
  readonly #locks: ShardLocks;
  readonly #lock: ShardLock;
  readonly #failures: Failures = new Failures();
  /** Of all shards that are swept at once: what each of them does at once adds up. */
  readonly #slice = new TimeSlice();
  #slowFiles = 0;
  readonly #verdicts: Map<string, Verdict> = new Map();

  constructor(directory: Directory, expired: ExpiredSessions, locks: ShardLocks, lock: ShardLock) {
    this.#directory = directory;
    this.#expired = expired;
    this.#locks = locks;
    this.#lock = lock;
  }

  /**
   * Gives how many sessions it removed. `isOver` is asked again and again whether it is to end. What fails of one file
   * or one shard keeps nothing else from being removed; the first error is thrown at the end.
   */
  async run(isOver: () => boolean): Promise<number> {
    const entries = (await unlessAbsent(readDirectory(this.#directory.root))) ?? [];
    await this.#removeLeftBehind(this.#directory.root, entries, ".owner");
    const shards = entries.filter(isShard);
    let removed = 0;
    const lane = async (): Promise<void> => {
      for (let shard = shards.pop(); shard !== undefined && !isOver(); shard = shards.pop()) {
        try {
          for await (const count of this.#sweepShard(shard, isOver)) {
            removed += count;
            if (this.#slice.isOver) await this.#slice.next();
          }
        } catch (error) {
          this.#failures.keep(error); // one shard, whose lock another process keeps, must not keep the others
        }
      }
    };
    await Promise.all(Array.from({ length: SHARDS_AT_ONCE }, lane));
    this.#failures.throwFirst();
    return removed;
  }

  /** Gives, step by step, how many sessions it removed. */
  async *#sweepShard(shard: string, isOver: () => boolean): AsyncGenerator<number> {
    const path = join(this.#directory.root, shard);
    const entries = (await unlessAbsent(readDirectory(path))) ?? [];
    const names = namesIn(entries);
    let share = 0;
    for (let start = 0; start < names.length && !isOver(); start += FILES_AT_ONCE) {
      const step = names.slice(start, start + FILES_AT_ONCE);
      const isLarge = share >= LARGE_SHARE && this.#slowFiles === 0;
      const expired = isLarge ? step : await this.#expiredOf(step);
      const removed = expired.length === 0 ? 0 : await this.#remove(shard, expired);
      share = removed / step.length;
      yield removed;
    }
    await this.#removeLeftBehind(path, entries, ".tmp");
    if (entries.some((entry) => entry.startsWith(LOCK))) await this.#sweepLocks(shard, path);
  }

  /** On the event loop, which takes a fraction of the time, for as long as the files are in the system's cache. */
  async #expiredOf(names: readonly string[]): Promise<string[]> {
    const expired: string[] = [];
    const others: string[] = [];
    for (const name of names) {
      if (this.#slowFiles > 0) {
        this.#slowFiles--;
        others.push(name);
        continue;
      }
      const began = performance.now();
      try {
        const isExpired = this.#expired.isExpiredNow(name);
        if (isExpired) expired.push(name);
        else if (isExpired === undefined) others.push(name);
      } catch (error) {
        this.#failures.passOver(error);
      }
      if (performance.now() - began > SLOW_MS) this.#slowFiles = FILES_ONCE_SLOW;
      if (this.#slice.isOver) await this.#slice.next();
    }
    const looks = await this.#failures.settle(others.map((name) => this.#expired.isExpired(name)));
    return [...expired, ...others.filter((_, index) => looks[index])];
  }

  async #remove(shard: string, names: readonly string[]): Promise<number> {
    return this.#expired.remove(shard, names, { failures: this.#failures, slice: this.#slice });
  }

  /** Files of processes that have ended; nobody else writes them, and their names do not come again. */
  async #removeLeftBehind(path: string, entries: readonly string[], extension: string): Promise<void> {
    for (const entry of entries) {
      if (!entry.endsWith(extension)) continue;
      const identity = identityIn(entry);
      if (identity === undefined) continue;
      const verdict = this.#verdicts.get(identity) ?? judge(identity);
      this.#verdicts.set(identity, verdict);
      const file = join(path, entry);
      try {
        if (verdict === "dead" || (verdict === "unknown" && (await isUntouched(file))))
          await removeFile(file);
      } catch (error) {
        this.#failures.passOver(error);
      }
    }
  }

  /** Takes over a lock that was left behind and gives it back, and removes what is left of those taken over. */
  async #sweepLocks(shard: string, path: string): Promise<void> {
    if (await this.#lock.isLeftBehind(path)) await this.#locks.run(shard, async () => undefined);
    const isRest = (entry: string): boolean => entry.startsWith(`${LOCK}.`);
    if (!(await readDirectory(path)).some(isRest)) return;
    await this.#locks.run(shard, async () => {
      if (!(await this.#lock.isOwn(path))) return; // a part of a chain that is in use
      for (const entry of (await readDirectory(path)).filter(isRest)) await removeFile(join(path, entry));
    });
  }
}

async function isUntouched(path: string): Promise<boolean> {
  try {
    const { ctimeMs } = await call<fs.Stats>((done) => fs.lstat(path, done));
    return Date.now() - ctimeMs > UNTOUCHED_MS;
  } catch (error) {
    if (codeOf(error) === "ENOENT") return false;
    throw error;
  }
}
