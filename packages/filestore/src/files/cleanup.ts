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

/** Number of shards that are cleaned up at once, and of files of each that are looked at. */
const SHARDS_AT_ONCE = 4;
const FILES_AT_ONCE = 64;

/** After a step in which so large a share had expired, the next is looked at under the lock alone: once, not twice. */
const LARGE_SHARE = 0.25;

/** After a file that it took so long to read, one that the disk was asked for, so many are left to Node's threads. */
const SLOW_MS = 0.5;
const FILES_ONCE_SLOW = 256;

/** A file of a process that cannot be judged is nobody's when it has not been touched for a day. */
const UNTOUCHED_MS = 86_400_000;

export interface CleanupOptions {
  now: () => number;
  /** Called with the name of a damaged file. */
  setAside: (name: string) => Promise<unknown>;
}

/** Removes what has expired, and what processes that have ended left behind. */
export class Cleanup {
  readonly #directory: Directory;
  readonly #locks: ShardLocks;
  readonly #lock: ShardLock;
  readonly #options: CleanupOptions;
  readonly #failures: Failures = new Failures();
  /** Of all shards that are cleaned up at once: what each of them does at once adds up. */
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
   * Yields, shards by shards, how many sessions it removed. `isOver` is asked again and again whether it is to end. What
   * fails of one file or one shard keeps nothing else from being removed; the first error is thrown at the end.
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

  /** Returns how many sessions it removed, also if something fails. */
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
      this.#failures.keep(error); // one shard, whose lock another process keeps, must not keep the others
    }
    return removed;
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
   * Removes those of the files, all of one shard, whose records have expired, and returns how many. Nobody else works in
   * the shard meanwhile. A file that cannot be read or removed is passed over.
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
              removal.catch(() => undefined); // it may fail before anybody waits for it
              removals.push(removal);
            } else if (isExpired === undefined) damaged.push(name);
          } catch (error) {
            this.#failures.passOver(error);
          }
          if (this.#slice.isOver) await this.#slice.next();
        }
      } finally {
        // When the lock has been given back, a removal under way could remove what another process has renewed.
        await Promise.allSettled(removals);
      }
      return this.#failures.settle(removals);
    });
    await this.#failures.settle(damaged.map((name) => this.#isExpired(name)));
    return outcomes.filter((isRemoved) => isRemoved).length;
  }

  /** Whether the header of the file says that its record has expired; nothing more of the file is read. */
  async #isExpired(name: string): Promise<boolean> {
    const header = await this.#directory.readHeader(this.#directory.pathOf(name));
    const isExpired = this.#isOver(header);
    if (isExpired === undefined) await this.#options.setAside(name);
    return isExpired ?? false;
  }

  /** The same at once, on the event loop; `undefined` if the header is damaged. */
  #isExpiredNow(name: string): boolean | undefined {
    return this.#isOver(this.#directory.readHeaderNow(this.#directory.pathOf(name)));
  }

  #isOver(content: Buffer | undefined): boolean | undefined {
    if (content === undefined) return false; // it is gone
    const header = decodeHeader(content);
    return header && header.expiry <= this.#options.now();
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
  async #removeLocks(shard: string, path: string): Promise<void> {
    if (await this.#lock.isLeftBehind(path)) await this.#locks.runAlone(shard, async () => undefined);
    const isRest = (entry: string): boolean => entry.startsWith(`${LOCK}.`);
    if (!(await readDirectory(path)).some(isRest)) return;
    await this.#locks.runAlone(shard, async () => {
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
