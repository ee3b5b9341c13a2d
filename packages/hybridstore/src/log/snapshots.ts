import { constants } from "node:fs";
import { report, type StoreError } from "@scs/core";
import { TimeSlice } from "@scs/core/kit";
import type { Commit } from "../commit/commit.js";
import type { DirectoryLock } from "../lock/directory-lock.js";
import { DELETED, type Sessions } from "../sessions.js";
import { unavailable } from "./errors.js";
import { pathOf } from "./file-names.js";
import { type Files, removeFile, syncDirectory, writeAll } from "./files.js";
import type { Log } from "./log.js";
import { beginRecord, kinds, RecordBuffer } from "./record.js";
import { listFiles } from "./recovery.js";

/** Number of bytes per write. */
const CHUNK_BYTES = 131_072;
/** Number of bytes per flush: a large flush at the end would delay the flushes of the log. */
const FLUSH_BYTES = 8_388_608;

export interface SnapshotOptions {
  directory: string;
  mark: number;
  files: Files;
  /** A snapshot is due when the size of the logs exceeds this share of the size of the snapshot, and `minLogBytes`. */
  ratio: number;
  /** Minimum size of the logs before a snapshot, in bytes. */
  minLogBytes: number;
  onError: (error: StoreError) => void;
  /** Ownership of the directory. */
  lock: Pick<DirectoryLock, "assertHeld">;
}

/**
 * Saves all sessions to a file in the background, so that older logs can be removed.
 *
 * Changes made meanwhile go to a new log, which is replayed after the snapshot. The snapshot may contain any of these
 * changes, but none that was undone.
 */
export class Snapshots {
  readonly #sessions: Sessions;
  readonly #log: Log;
  readonly #commit: () => Commit;
  readonly #options: SnapshotOptions;
  #damaged: string[];
  /** Size of the logs before the next attempt, after a failure. */
  #notBefore = 0;
  #run: Promise<void> | undefined;
  /** Number of bytes written of the snapshot in progress; `undefined` while it waits for the log. */
  #written: number | undefined;
  readonly #whenWritten: (() => void)[] = [];
  #isStopped = false;

  constructor(
    sessions: Sessions,
    log: Log,
    commit: () => Commit,
    options: SnapshotOptions,
    damaged: string[],
  ) {
    this.#sessions = sessions;
    this.#log = log;
    this.#commit = commit;
    this.#options = options;
    this.#damaged = damaged;
  }

  /** Starts a snapshot if one is due. Returns a promise to wait for if the log grows faster than the snapshot. */
  check(): Promise<void> | undefined {
    const { ratio, minLogBytes } = this.#options;
    const due = Math.max(minLogBytes, ratio * this.#sessions.bytes);
    const { bytes, olderBytes } = this.#log;
    if (this.#run !== undefined) {
      if (this.#written === undefined || bytes - olderBytes <= Math.max(this.#written, due / 2))
        return undefined;
      return new Promise((resolve) => this.#whenWritten.push(resolve));
    }
    if (this.#isStopped || (this.#damaged.length === 0 && bytes <= due) || bytes < this.#notBefore)
      return undefined;
    this.#run = this.#save()
      .catch((error: unknown) => {
        this.#notBefore = this.#log.bytes + due / 2;
        if (!this.#isStopped) report(this.#options.onError, unavailable("a snapshot cannot be saved", error));
      })
      .finally(() => {
        this.#run = undefined;
        this.#progress(undefined);
      });
    return undefined;
  }

  /** Cancels a snapshot in progress, and all further ones. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#run;
  }

  async #save(): Promise<void> {
    const { files, directory, mark } = this.#options;
    const commit = this.#commit();
    const { generation, lastSequence, olderBytes } = await commit.exclusively(async () => {
      // A damaged snapshot may have the number of an empty log; the new snapshot must not replace it.
      if (!this.#log.isEmpty || this.#damaged.length > 0) await this.#log.rotate();
      this.#progress(0);
      const { generation, lastSequence, olderBytes } = this.#log;
      return { generation, lastSequence, olderBytes };
    });
    const path = pathOf(directory, { kind: "snapshot", generation, mark });
    const { undone } = commit;
    try {
      const size = await this.#write(`${path}.tmp`, lastSequence);
      this.#progress(undefined); // a waiting batch would block the steps below
      // Changes of a batch in flight that the snapshot contains must be in the log first.
      await commit.exclusively(() => {
        this.#progress(size);
        return this.#log.sync();
      });
      if (commit.undone !== undone) throw new Error("it may contain changes that were refused meanwhile");
      this.#options.lock.assertHeld();
      await files.rename(`${path}.tmp`, path);
    } catch (error) {
      await removeFile(files, `${path}.tmp`).catch(() => undefined); // the next start removes it
      throw error;
    }
    this.#log.isCovered(olderBytes);
    this.#notBefore = 0;
    await syncDirectory(files, directory);
    await this.#removeUseless();
  }

  async #write(path: string, before: number): Promise<number> {
    const { files, mark } = this.#options;
    const { O_WRONLY, O_CREAT, O_TRUNC } = constants;
    const file = await files.open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600);
    try {
      const begin = beginRecord(mark, 0, before);
      await writeAll(files, file, begin, 0);
      const records = new RecordBuffer(mark, 0);
      let position = begin.length;
      let flushed = 0;
      const flush = async (): Promise<void> => {
        await writeAll(files, file, records.view(), position);
        position += records.length;
        records.clear();
        this.#progress(position);
        if (position - flushed > FLUSH_BYTES) {
          await files.datasync(file);
          flushed = position;
        }
        if (this.#isStopped) throw new Error("the store is being closed");
      };
      const slice = new TimeSlice();
      for (const shard of this.#sessions.map.shards) {
        for (const [token, { data, expiry }] of shard) {
          if (expiry !== DELETED) records.append(kinds.put, token, data, expiry);
          if (records.length >= CHUNK_BYTES) await flush();
          if (slice.isOver) await slice.next();
        }
      }
      records.append(kinds.end, "", "", 0);
      await flush();
      await files.datasync(file);
      return position;
    } finally {
      await files.close(file);
    }
  }

  #progress(written: number | undefined): void {
    this.#written = written;
    for (const resolve of this.#whenWritten.splice(0)) resolve();
  }

  /** Removes files that the snapshot has replaced. Keeps damaged files under another name, for examination. */
  async #removeUseless(): Promise<void> {
    const { files, directory } = this.#options;
    const { useless } = await listFiles(files, directory);
    for (const path of useless) {
      this.#options.lock.assertHeld();
      if (this.#damaged.includes(path)) await files.rename(path, `${path}.damaged`);
      else await removeFile(files, path);
    }
    this.#damaged = [];
  }
}
