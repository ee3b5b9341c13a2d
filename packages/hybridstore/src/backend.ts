import type { SessionEntry, SessionRecord, StoreError } from "@scs/core";
import { type Answer, type Backend, type Call, TimeSlice } from "@scs/core/kit";
import { GroupCommit } from "./commit/group-commit.js";
import type { LazyCommit } from "./commit/lazy-commit.js";
import type { DirectoryLock } from "./lock/directory-lock.js";
import { unavailable } from "./log/errors.js";
import type { Log } from "./log/log.js";
import type { Snapshots } from "./log/snapshots.js";
import type { Sessions } from "./sessions.js";

/** The parts of an open store. */
export interface Parts {
  sessions: Sessions;
  commit: GroupCommit | LazyCommit;
  log: Log;
  snapshots: Snapshots;
  lock: DirectoryLock;
}

/** Keeps sessions in memory and their changes in a log. Answers a call when the log contains its change. */
export class HybridBackend implements Backend {
  /** The batches of a group commit. A lazy commit executes calls at once instead. */
  readonly queue: Backend["queue"];
  readonly executeNow: Backend["executeNow"];
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
    const { commit, lock } = parts;
    if (commit instanceof GroupCommit) this.queue = commit.queue;
    else {
      this.executeNow = (call: Call): Answer => {
        lock.assertNotLost();
        return commit.run(call);
      };
    }
  }

  findNow(token: string): SessionRecord | undefined {
    this.#parts.lock.assertNotLost();
    return this.#parts.sessions.find(token);
  }

  async *pages(): AsyncGenerator<Iterable<SessionEntry>, void> {
    const { sessions, commit, lock } = this.#parts;
    for (const shard of sessions.map.shards) {
      lock.assertNotLost();
      const unflushed: string[] = [];
      yield sessions.entriesOf(shard, unflushed);
      if (unflushed.length === 0) continue;
      // A change in memory may still be undone: wait until it is in the log.
      yield await commit.whenFlushed(() =>
        unflushed.flatMap((token) => {
          const record = sessions.find(token);
          return record ? { token, ...record } : [];
        }),
      );
    }
  }

  /** Reads a snapshot in one step. */
  async all(): Promise<Map<string, Uint8Array>> {
    this.#parts.lock.assertNotLost();
    return this.#parts.commit.whenFlushed(() => this.#parts.sessions.all());
  }

  *removeExpired(): Generator<number, void> {
    const { sessions } = this.#parts;
    let slice = new TimeSlice();
    let removed = 0;
    for (const shard of sessions.map.shards) {
      for (const token of shard.keys()) {
        if (sessions.removeExpired(token)) removed++;
        if (!slice.isOver) continue;
        yield removed;
        removed = 0;
        slice = new TimeSlice();
      }
    }
    yield removed;
  }

  async close(): Promise<void> {
    const { commit, log, snapshots, lock, sessions } = this.#parts;
    await snapshots.stop();
    try {
      await commit.close();
      await log.sync();
    } catch (error) {
      throw unavailable("the last changes could not be written", error);
    } finally {
      await log.close().catch(() => undefined);
      await lock.release();
      sessions.map.clear();
    }
  }

  toStoreError(error: unknown): StoreError {
    return unavailable("the call has failed", error);
  }
}
