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
 * The lock of a shard is a file, `lock`, made by a hard link to the owner file of the holder, which holds the
 * holder's identity. A link is made by one process alone, and the name never shows without the content. It costs a
 * fraction of a new file: file systems take their time to find a free inode. The holder gives the lock back by
 * removing the name.
 *
 * A holder that has died leaves the name, and to remove it would be unsafe: between looking who holds it and
 * removing it, another may have removed it already, and taken the lock; his would be removed. So nobody removes a
 * lock that is not his. To take over from a dead holder H, one makes a second name, `lock.<hash of H>`, again by a
 * link to one's own owner file: the successor of H. From a successor that has died, his own successor takes over,
 * and so on. The names form a chain: `lock` says H, the successor of H is S, that of S is T. Who holds the lock is
 * the last of it.
 *
 * Two never hold it at once:
 *
 * 1. Every name is made by one alone, and each process appends to the end of the chain only when the last is dead. Of
 *    two that try at once, one gets EEXIST, and finds the other one, alive, at the end.
 * 2. Only who holds the lock removes names of the chain, `lock` first. From then on the lock is free, and what else
 *    is left of the chain means nothing: no identity occurs twice, and the dead make no links, so that `lock`
 *    never says H again.
 * 3. One may have read `lock`, stood still, and made the successor of H only when the chain was gone. Therefore
 *    whoever has made a successor looks again: `lock` must say H still. If it does, then by 2 the chain has been whole
 *    all the time, and the new name is the end of it. If not, he removes the name that he made, and begins again.
 *
 * What is left of a chain by a crash between two removals is removed by whoever holds `lock` itself.
 *
 * Alive or dead is told by process ID, start of the process and start of the system. Where that cannot be told (no
 * /proc, another container), a lock counts as left behind when its holder has neither taken nor given back any
 * lock for a minute; that could only be wrong for a process that stands still so long in the midst of a rename.
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

  /** Tells whether this store holds `lock` itself, and no successor of it. */
  async isOwn(shard: string): Promise<boolean> {
    return (await holderIn(join(shard, LOCK))) === this.#identity;
  }

  /** Tells whether the holder of a lock is dead, so that the lock can be taken over. */
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
