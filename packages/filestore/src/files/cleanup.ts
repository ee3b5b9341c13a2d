import fs from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { TimeSlice, type Verdict } from "@scs/core/kit";
import { identityIn, judge } from "../lock/identity.js";
import { LOCK, type ShardLock } from "../lock/shard-lock.js";
import type { ShardLocks } from "../lock/shard-locks.js";
import { type Directory, namesIn } from "./directory.js";
import { Failures } from "./failures.js";
import { call, readDirectory, removeFile, unlessAbsent } from "./file-calls.js";
import { codeOf } from "./file-error.js";
import { decodeHeader } from "./record.js";
import { isShard } from "./session-name.js";

/** Number of shards cleaned up concurrently, and of files checked concurrently in each. */
const SHARDS_AT_ONCE = 4;
const FILES_AT_ONCE = 64;

/** Share of expired files in a step above which the next step checks files only once, under the lock. */
const LARGE_SHARE = 0.25;

/** Time of a synchronous read that shows a file was not in the cache: the next files are read asynchronously. */
const SLOW_MS = 0.5;
const FILES_ONCE_SLOW = 256;

/** Age of a file, since its last change, at which its process counts as dead if it cannot be examined: a day. */
const UNTOUCHED_MS = 86_400_000;

export interface CleanupOptions {
  now: () => number;
  /** Called with the name of a damaged file. */
  setAside: (name: string) => Promise<unknown>;
}

/** Removes expired sessions, and files that dead processes have left. */
export class Cleanup {
  readonly #directory: Directory;
  readonly #locks: ShardLocks;
  readonly #lock: ShardLock;
  readonly #options: CleanupOptions;
  readonly #failures: Failures = new Failures();
  /** Shared by the shards cleaned up at once, whose synchronous work adds up. */
  readonly #slice = new TimeSlice();
  #slowFiles = 0;
  readonly #verdicts: Map<string, Verdict> = new Map();

  constructor(directory: Directory, locks: ShardLocks, lock: ShardLock, options: CleanupOptions) {
    this.#directory = directory;
    this.#locks = locks;
    this.#lock = lock;
    this.#options = options;
  }

  /**
   * Yields the numbers of sessions removed. Checks `isOver` between files. A failure of one file or shard does not stop the
   * cleanup of the others; throws the first error at the end.
   */
  async *run(isOver: () => boolean): AsyncGenerator<number, void> {
    const entries = (await unlessAbsent(readDirectory(this.#directory.root))) ?? [];
    await this.#removeLeftBehind(this.#directory.root, entries, ".owner");
    const shards = entries.filter(isShard);
    while (shards.length > 0 && !isOver()) {
      const removals = shards.splice(0, SHARDS_AT_ONCE).map((shard) => this.#cleanUpShard(shard, isOver));
      let removed = 0;
      for (const count of await Promise.all(removals)) removed += count;
      yield removed;
    }
    this.#failures.throwFirst();
  }

  /** Returns the number of sessions removed, even if something fails. */
  async #cleanUpShard(shard: string, isOver: () => boolean): Promise<number> {
    let removed = 0;
    try {
      const path = join(this.#directory.root, shard);
      const entries = (await unlessAbsent(readDirectory(path))) ?? [];
      const names = namesIn(entries);
      let share = 0;
      for (let start = 0; start < names.length && !isOver(); start += FILES_AT_ONCE) {
        const step = names.slice(start, start + FILES_AT_ONCE);
        const isLarge = share >= LARGE_SHARE && this.#slowFiles === 0;
        const expired = isLarge ? step : await this.#expiredOf(step);
        const count = expired.length === 0 ? 0 : await this.#remove(shard, expired);
        share = count / step.length;
        removed += count;
        if (this.#slice.isOver) await this.#slice.next();
      }
      await this.#removeLeftBehind(path, entries, ".tmp");
      if (entries.some((entry) => entry.startsWith(LOCK))) await this.#removeLocks(shard, path);
    } catch (error) {
      this.#failures.keep(error); // a shard whose lock another process keeps must not stop the others
    }
    return removed;
  }

  /** Returns the expired ones. Reads synchronously, which is several times faster, while files are in the system's cache. */
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
        const isExpired = this.#isExpiredNow(name);
        if (isExpired) expired.push(name);
        else if (isExpired === undefined) others.push(name);
      } catch (error) {
        this.#failures.passOver(error);
      }
      if (performance.now() - began > SLOW_MS) this.#slowFiles = FILES_ONCE_SLOW;
      if (this.#slice.isOver) await this.#slice.next();
    }
    const looks = await this.#failures.settle(others.map((name) => this.#isExpired(name)));
    return [...expired, ...others.filter((_, index) => looks[index])];
  }

  /**
   * Removes the files with expired records, all of one shard, while nobody else works in the shard. Returns their number.
   * Skips a file that cannot be read or removed.
   */
  async #remove(shard: string, names: readonly string[]): Promise<number> {
    const damaged: string[] = [];
    const outcomes = await this.#locks.runAlone(shard, async () => {
      const removals: Promise<boolean>[] = [];
      try {
        for (const name of names) {
          try {
            const isExpired = this.#isExpiredNow(name);
            if (isExpired) {
              const removal = removeFile(this.#directory.pathOf(name));
              removal.catch(() => undefined); // it may fail before it is awaited
              removals.push(removal);
            } else if (isExpired === undefined) damaged.push(name);
          } catch (error) {
            this.#failures.passOver(error);
          }
          if (this.#slice.isOver) await this.#slice.next();
        }
      } finally {
        // After the lock is released, a removal in flight could remove a session that another process has renewed.
        await Promise.allSettled(removals);
      }
      return this.#failures.settle(removals);
    });
    await this.#failures.settle(damaged.map((name) => this.#isExpired(name)));
    return outcomes.filter((isRemoved) => isRemoved).length;
  }

  /** Returns whether a record has expired, by the header of its file. */
  async #isExpired(name: string): Promise<boolean> {
    const header = await this.#directory.readHeader(this.#directory.pathOf(name));
    const isExpired = this.#isOver(header);
    if (isExpired === undefined) await this.#options.setAside(name);
    return isExpired ?? false;
  }

  /** Returns whether a record has expired, synchronously; `undefined` if the header is damaged. */
  #isExpiredNow(name: string): boolean | undefined {
    return this.#isOver(this.#directory.readHeaderNow(this.#directory.pathOf(name)));
  }

  #isOver(content: Buffer | undefined): boolean | undefined {
    if (content === undefined) return false; // it is gone
    const header = decodeHeader(content);
    return header && header.expiry <= this.#options.now();
  }

  /** Removes files of dead processes: nobody else writes them, and their names are never reused. */
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

  /** Takes over and releases a lock of a dead process, and removes the remains of earlier takeovers. */
  async #removeLocks(shard: string, path: string): Promise<void> {
    if (await this.#lock.isLeftBehind(path)) await this.#locks.runAlone(shard, async () => undefined);
    const isRest = (entry: string): boolean => entry.startsWith(`${LOCK}.`);
    if (!(await readDirectory(path)).some(isRest)) return;
    await this.#locks.runAlone(shard, async () => {
      if (!(await this.#lock.isOwn(path))) return; // part of a chain in use
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
