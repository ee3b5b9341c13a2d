import type { TimeSlice } from "@scs/core/kit";
import { DAMAGED, type Directory } from "./directory.js";
import type { Failures } from "./failures.js";
import { removeFile } from "./file-calls.js";
import { decodeHeader, type Header } from "./record.js";
import type { ShardLocks } from "./shard-locks.js";
import type { TokenQueue } from "./token-queue.js";

/** Finds and removes the sessions that have expired, by the headers of their files. */
export class ExpiredSessions {
  readonly #directory: Directory;
  readonly #locks: ShardLocks;
  readonly #queue: TokenQueue;
  readonly #now: () => number;
  readonly #setAside: (name: string) => Promise<unknown>;

  /** @param options `setAside` is told of a damaged file. */
  constructor(
    directory: Directory,
    locks: ShardLocks,
    queue: TokenQueue,
    options: { now: () => number; setAside: (name: string) => Promise<unknown> },
  ) {
    this.#directory = directory;
    this.#locks = locks;
    this.#queue = queue;
    this.#now = options.now;
    this.#setAside = options.setAside;
  }

  /** Whether the header of the file says that its record has expired; nothing more of the file is read. */
  async isExpired(name: string): Promise<boolean> {
    const header = toHeader(await this.#directory.readHeader(this.#directory.pathOf(name)));
    if (header === DAMAGED) await this.#setAside(name);
    return this.#isOver(header);
  }

  /** The same at once, on the event loop; `undefined` if the header is damaged. */
  isExpiredNow(name: string): boolean | undefined {
    const header = toHeader(this.#directory.readHeaderNow(this.#directory.pathOf(name)));
    return header === DAMAGED ? undefined : this.#isOver(header);
  }

  /**
   * Removes those of the files, all of one shard, whose records have expired, and gives how many it were. A file that
   * cannot be read or removed is passed over.
   */
  async remove(
    shard: string,
    names: readonly string[],
    { failures, slice }: { failures: Failures; slice: TimeSlice },
  ): Promise<number> {
    const removals: Promise<boolean>[] = [];
    const left: string[] = [];
    const outcomes = await this.#locks.run(shard, async () => {
      try {
        for (const name of names) {
          this.#begin(name, removals, left, failures);
          if (slice.isOver) await slice.next();
        }
      } finally {
        // When the lock has been given back, a removal under way could remove what another process has renewed.
        await Promise.allSettled(removals);
      }
      return failures.settle(removals);
    });
    let removed = outcomes.filter((isRemoved) => isRemoved).length;
    const removeNow = async (name: string): Promise<boolean> =>
      this.isExpiredNow(name) === true && this.#removeFile(name);
    for (const name of left) {
      try {
        if (!(await this.isExpired(name))) continue;
        if (await this.#queue.run(name, () => this.#locks.run(shard, () => removeNow(name)))) removed++;
      } catch (error) {
        failures.passOver(error);
      }
    }
    return removed;
  }

  /** Under the lock: begins the removal of a file whose record has expired, or leaves it for when the lock is given back. */
  #begin(name: string, removals: Promise<boolean>[], left: string[], failures: Failures): void {
    try {
      // To wait for a call under the lock, one that may be waiting for the lock, could be for ever.
      const isExpired = this.#queue.isBusy(name) ? undefined : this.isExpiredNow(name);
      if (isExpired) removals.push(this.#queue.run(name, () => this.#removeFile(name)));
      else if (isExpired === undefined) left.push(name);
    } catch (error) {
      failures.passOver(error);
    }
  }

  #removeFile(name: string): Promise<boolean> {
    return removeFile(this.#directory.pathOf(name));
  }

  #isOver(header: Header | typeof DAMAGED | undefined): boolean {
    return header !== undefined && header !== DAMAGED && header.expiry <= this.#now();
  }
}

function toHeader(content: Buffer | undefined): Header | typeof DAMAGED | undefined {
  return content && (decodeHeader(content) ?? DAMAGED);
}
