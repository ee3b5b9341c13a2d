import { createHash } from "node:crypto";
import fs from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { call, removeFile, unlessAbsent } from "../files/file-calls.js";
import { codeOf } from "../files/file-error.js";
import { judge } from "./identity.js";

/** Name of the lock in a shard. The names of takeovers start with it and a dot. */
export const LOCK = "lock";

/** Time without a change after which a lock counts as abandoned if its holder cannot be examined. */
const LEFT_BEHIND_MS = 60_000;

/*
 * The lock of a shard is a file named `lock`: a hard link to the holder's owner file, which contains the holder's
 * identity. Only one process can create a link of that name, and the name never appears without its content. A link is
 * much cheaper than a new file, which needs a free inode. The holder releases the lock by removing the name.
 *
 * A dead holder leaves the name behind. Removing it would be unsafe: between reading the holder and removing the name,
 * another process may have removed it and taken the lock, whose name would then be removed. So no process removes a
 * lock that it does not hold. To take over from a dead holder H, a process creates a second name, `lock.<hash of H>`,
 * again as a link to its own owner file: it becomes the successor of H. If the successor dies, its own successor takes
 * over, and so on. The names form a chain: `lock` contains H, the successor of H is S, the successor of S is T. The last
 * process of the chain holds the lock.
 *
 * Two processes never hold the lock at the same time:
 *
 * 1. Each name is created by one process, and a process appends to the chain only if the last holder is dead. If two
 *    processes try to append, one gets EEXIST, and finds the other one alive at the end of the chain.
 * 2. Only the holder removes names of the chain, `lock` first. That releases the lock, and the remaining names become
 *    meaningless: no identity occurs twice, and dead processes create no links, so `lock` never contains H again.
 * 3. A process may read `lock`, be suspended, and create the successor of H after the chain was removed. Therefore, after
 *    creating a successor, it reads `lock` again. If `lock` still contains H, then by 2 the chain was complete all the
 *    time, and the new name is its end. Otherwise it removes its name and starts again.
 *
 * A crash between two removals leaves names of a chain. The next holder of `lock` removes them.
 *
 * Process ID, start of the process and start of the system tell whether a holder is dead. If they cannot be read (no
 * /proc, another container), a lock counts as abandoned when its holder has neither taken nor released a lock for a
 * minute. That is wrong only for a process that is suspended for a minute during a rename.
 */

interface Seen {
  state: string;
  since: number;
}

/** Takes and releases the locks of shards on disk for one store, with one call at a time per shard. */
export class ShardLock {
  readonly #identity: string;
  readonly #ownerFile: string;
  readonly #seen: Map<string, Seen> = new Map();

  /** @param ownerFile Path of the file that contains `identity`. */
  constructor(identity: string, ownerFile: string) {
    this.#identity = identity;
    this.#ownerFile = ownerFile;
  }

  /**
   * Tries once to take the lock of the shard.
   *
   * @returns The names to remove, in this order, to release it; `undefined` if another store has it.
   */
  async take(shard: string): Promise<string[] | undefined> {
    const lock = join(shard, LOCK);
    if (await this.#link(lock)) return [lock];
    const first = await holderIn(lock);
    const chain = [lock];
    let holder = first;
    while (first !== undefined && holder !== undefined) {
      if (holder === this.#identity) return chain; // an earlier release has failed
      if (!(await this.#isDead(holder, chain.at(-1) as string))) return undefined;
      const next = successorOf(lock, holder);
      if (await this.#link(next)) {
        if ((await holderIn(lock)) === first) return [...chain, next];
        await removeFile(next);
        return undefined;
      }
      chain.push(next);
      holder = await holderIn(next);
    }
    return undefined;
  }

  /** Releases a lock. */
  async give(names: readonly string[]): Promise<void> {
    for (const name of names) await removeFile(name);
  }

  /** Returns whether this store holds `lock` itself, and no successor of it. */
  async isOwn(shard: string): Promise<boolean> {
    return (await holderIn(join(shard, LOCK))) === this.#identity;
  }

  /** Returns whether the holder of a lock is dead, so that the lock can be taken over. */
  async isLeftBehind(shard: string): Promise<boolean> {
    const lock = join(shard, LOCK);
    const holder = await holderIn(lock);
    return holder !== undefined && (await this.#isDead(holder, lock));
  }

  async #link(name: string): Promise<boolean> {
    try {
      await call((done) => fs.link(this.#ownerFile, name, (error) => done(error)));
      return true;
    } catch (error) {
      if (codeOf(error) === "EEXIST") return false;
      throw error;
    }
  }

  async #isDead(holder: string, name: string): Promise<boolean> {
    const verdict = judge(holder);
    if (verdict !== "unknown") return verdict === "dead";
    // Each link to an owner file that is created or removed changes its ctime.
    const stats = await unlessAbsent(call<fs.BigIntStats>((done) => fs.lstat(name, { bigint: true }, done)));
    if (stats === undefined) return false;
    const state = `${holder} ${stats.ctimeNs}`;
    const seen = this.#seen.get(name);
    if (seen?.state !== state) {
      this.#seen.set(name, { state, since: performance.now() });
      return false;
    }
    return performance.now() - seen.since >= LEFT_BEHIND_MS;
  }
}

/** Returns the holder of a lock by its name; `undefined` if there is none. */
const holderIn = (name: string): Promise<string | undefined> =>
  unlessAbsent(call<string>((done) => fs.readFile(name, "latin1", done)));

/** Returns the name of the successor of a lock. Hashed, because a power failure may leave any content in a lock. */
const successorOf = (lock: string, holder: string): string =>
  `${lock}.${createHash("sha256").update(holder).digest("hex").slice(0, 32)}`;
