import { randomInt } from "node:crypto";
import { resolve } from "node:path";
import { CleanupScheduler, MAX_DELAY_MS, report, type StoreOptions, warnOncePerCode } from "@scs/core";
import { lockDirectory } from "./directory-lock.js";
import { unavailable } from "./errors.js";
import { type Files, makeDirectory, systemFiles } from "./files.js";
import { type Commit, GroupCommit } from "./group-commit.js";
import { HybridStore } from "./hybridstore.js";
import { LazyCommit } from "./lazy-commit.js";
import { Log } from "./log.js";
import { RecordBuffer } from "./record.js";
import { listFiles, Recovery } from "./recovery.js";
import { Sessions } from "./sessions.js";
import { Snapshots } from "./snapshots.js";

export interface HybridStoreOptions extends StoreOptions {
  /** @default 60_000 */
  cleanupIntervalMs?: number;
  /**
   * When a write resolves: `"flushed"` once it is on disk, to survive a power failure; `"committed"` once the system
   * has it, to survive the death of the process; `"lazy"` at once, to be written within `flushIntervalMs`.
   *
   * @default "flushed"
   */
  durability?: "flushed" | "committed" | "lazy";
  /** With `"lazy"`, how long a change waits to be written at most, from 1 to 2^31 - 1. @default 1_000 */
  flushIntervalMs?: number;
  /** A snapshot is saved when the log is larger than this share of the sessions, more than 0. @default 1 */
  snapshotRatio?: number;
  /** But not before the log has so many bytes, at least 0. @default 67_108_864 */
  minLogBytes?: number;
}

/**
 * Opens the directory, which is made if there is none, accessible to its owner only, and reads the sessions that are
 * in it. The directory belongs to this store until it is disposed of, or the process ends. If its owner is, or was, in
 * another container of this host, it takes up to 30 s to see whether that lives.
 *
 * @throws RangeError or TypeError if an option is out of range.
 * @throws StoreError `LOCKED` if another process, or another store of this one, has the directory; `UNAVAILABLE` if
 *   it cannot be used. Damage is no error: `CORRUPT` goes to `onError`, and every session that is whole is there.
 */
export function openHybridStore(directory: string, options: HybridStoreOptions = {}): Promise<HybridStore> {
  return openWith(systemFiles, directory, options);
}

/** As {@link openHybridStore}, by other calls of the file system. */
export async function openWith(
  files: Files,
  directory: string,
  options: HybridStoreOptions,
): Promise<HybridStore> {
  const checked = check(options);
  if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
    throw new TypeError("directory must be the path of a directory");
  }
  const path = resolve(directory); // the app may change where it works
  let unlock: (() => Promise<void>) | undefined;
  try {
    await makeDirectory(files, path);
    unlock = await lockDirectory(files, path);
    return await recover(files, path, checked, unlock);
  } catch (error) {
    await unlock?.().catch(() => undefined);
    throw unavailable("the directory cannot be used", error);
  }
}

function check({
  cleanupIntervalMs = 60_000,
  onError = warnOncePerCode(),
  now = Date.now,
  durability = "flushed",
  flushIntervalMs = 1_000,
  snapshotRatio = 1,
  minLogBytes = 67_108_864,
}: HybridStoreOptions): Required<HybridStoreOptions> {
  // Before anything is opened, and by the rules of the scheduler itself.
  void new CleanupScheduler({ deleteExpired: async () => 0 }, { cleanupIntervalMs, onError }).stop();
  if (durability !== "flushed" && durability !== "committed" && durability !== "lazy") {
    throw new TypeError(`durability must be "flushed", "committed" or "lazy", got ${String(durability)}`);
  }
  if (!Number.isInteger(flushIntervalMs) || flushIntervalMs < 1 || flushIntervalMs > MAX_DELAY_MS) {
    throw new RangeError(
      `flushIntervalMs must be a whole number from 1 to ${MAX_DELAY_MS}, got ${String(flushIntervalMs)}`,
    );
  }
  if (!Number.isFinite(snapshotRatio) || snapshotRatio <= 0) {
    throw new RangeError(`snapshotRatio must be a number above 0, got ${String(snapshotRatio)}`);
  }
  if (!Number.isSafeInteger(minLogBytes) || minLogBytes < 0) {
    throw new RangeError(`minLogBytes must be a whole number of at least 0, got ${String(minLogBytes)}`);
  }
  return {
    cleanupIntervalMs,
    onError: (error) => report(onError, error),
    now,
    durability,
    flushIntervalMs,
    snapshotRatio,
    minLogBytes,
  };
}

async function recover(
  files: Files,
  directory: string,
  options: Required<HybridStoreOptions>,
  unlock: () => Promise<void>,
): Promise<HybridStore> {
  const { durability, flushIntervalMs, snapshotRatio, minLogBytes, now, onError, cleanupIntervalMs } =
    options;
  const found = await listFiles(files, directory);
  // All files of a directory have one mark; a new one is nothing that anybody could guess.
  const mark = (found.logs.at(-1) ?? found.snapshot)?.mark ?? randomInt(2 ** 32);
  const records = new RecordBuffer(mark, 0);
  const sessions = new Sessions(records, now);
  const recovered = await new Recovery(files, directory, sessions, onError).run(found);
  records.sequence = recovered.log.lastSequence;
  const log = await Log.open({ directory, mark, files, isFlushed: durability === "flushed" }, recovered.log);
  const snapshots = new Snapshots(
    sessions,
    log,
    () => commit,
    { directory, mark, files, ratio: snapshotRatio, minLogBytes, onError },
    recovered.damaged,
  );
  const onWritten = (): Promise<void> | undefined => snapshots.check();
  const commit: Commit =
    durability === "lazy"
      ? new LazyCommit(sessions, records, log, { flushIntervalMs, onWritten, onError })
      : new GroupCommit(sessions, records, log, onWritten);
  void snapshots.check();
  const cleanup = { cleanupIntervalMs, onError };
  return new HybridStore({ sessions, commit, log, snapshots, unlock, now, cleanup });
}
