import { randomInt } from "node:crypto";
import { resolve } from "node:path";
import { CleanupScheduler, warnOncePerCode } from "@scs/core";
import { assertFunction, assertKnownOptions, assertOneOf, assertWholeNumber } from "@scs/core/kit";
import { HybridBackend } from "./backend.js";
import { GroupCommit } from "./commit/group-commit.js";
import { LazyCommit } from "./commit/lazy-commit.js";
import { HybridStore, type HybridStoreOptions } from "./hybridstore.js";
import { type DirectoryLock, lockDirectory } from "./lock/directory-lock.js";
import { unavailable } from "./log/errors.js";
import { type Files, makeDirectory, systemFiles } from "./log/files.js";
import { Log } from "./log/log.js";
import { RecordBuffer } from "./log/record.js";
import { listFiles, Recovery } from "./log/recovery.js";
import { Snapshots } from "./log/snapshots.js";
import { Sessions } from "./sessions.js";

const OPTIONS = [
  "cleanupIntervalMs",
  "durability",
  "timeoutMs",
  "flushIntervalMs",
  "snapshotRatio",
  "minLogBytes",
  "onError",
  "now",
];

/**
 * Opens a directory and loads its sessions. Creates the directory if it is missing, accessible to its owner only. The
 * directory belongs to this store until disposal, or the end of the process. If its owner runs or ran in another container
 * of this host, opening takes up to 30 s, to see whether that owner is alive.
 *
 * @throws RangeError or TypeError if an option is unknown or out of range.
 * @throws StoreError `LOCKED` if another store owns the directory, in this process or another; `UNAVAILABLE` if it cannot
 *   be used. Damage is no error: `CORRUPT` goes to `onError`, and all undamaged sessions are loaded.
 */
export function openHybridStore(directory: string, options: HybridStoreOptions = {}): Promise<HybridStore> {
  return openWith(systemFiles, directory, options);
}

/** Opens as {@link openHybridStore} does, with other functions of the file system. */
export async function openWith(
  files: Files,
  directory: string,
  options: HybridStoreOptions,
): Promise<HybridStore> {
  const checked = check(options);
  if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
    throw new TypeError("directory must be the path of a directory");
  }
  const path = resolve(directory); // the app may change its working directory
  let lock: DirectoryLock | undefined;
  try {
    await makeDirectory(files, path);
    lock = await lockDirectory(files, path);
    return await recover(files, path, checked, lock);
  } catch (error) {
    await lock?.release().catch(() => undefined);
    throw unavailable("the directory cannot be used", error);
  }
}

function check(options: HybridStoreOptions): Required<HybridStoreOptions> {
  assertKnownOptions("hybridstore", options, OPTIONS);
  const {
    cleanupIntervalMs = 60_000,
    onError = warnOncePerCode(),
    now = () => Date.now(),
    durability = "flushed",
    timeoutMs = 5_000,
    flushIntervalMs = 1_000,
    snapshotRatio = 1,
    minLogBytes = 67_108_864,
  } = options;
  // Checked before anything is opened, by the scheduler itself.
  void new CleanupScheduler({ deleteExpired: async () => 0 }, { cleanupIntervalMs, onError }).stop();
  assertFunction("now", now);
  assertOneOf("durability", durability, ["flushed", "committed", "lazy"]);
  assertWholeNumber("timeoutMs", timeoutMs, { min: 1 });
  assertWholeNumber("flushIntervalMs", flushIntervalMs, { min: 1 });
  if (!Number.isFinite(snapshotRatio) || snapshotRatio <= 0) {
    throw new RangeError(`snapshotRatio must be a number above 0, got ${String(snapshotRatio)}`);
  }
  if (!Number.isSafeInteger(minLogBytes) || minLogBytes < 0) {
    throw new RangeError(`minLogBytes must be a whole number of at least 0, got ${String(minLogBytes)}`);
  }
  return {
    cleanupIntervalMs,
    onError,
    now,
    durability,
    timeoutMs,
    flushIntervalMs,
    snapshotRatio,
    minLogBytes,
  };
}

async function recover(
  files: Files,
  directory: string,
  options: Required<HybridStoreOptions>,
  lock: DirectoryLock,
): Promise<HybridStore> {
  const { durability, flushIntervalMs, snapshotRatio, minLogBytes, now, onError } = options;
  const found = await listFiles(files, directory);
  // All files of a directory share a mark, which nobody can guess.
  const mark = (found.logs.at(-1) ?? found.snapshot)?.mark ?? randomInt(2 ** 32);
  const records = new RecordBuffer(mark, 0);
  const sessions = new Sessions(records, now);
  const recovered = await new Recovery(files, directory, sessions, onError).run(found);
  records.sequence = recovered.log.lastSequence;
  const isFlushed = durability === "flushed";
  const log = await Log.open({ directory, mark, files, isFlushed, lock }, recovered.log);
  const snapshots = new Snapshots(
    sessions,
    log,
    () => commit,
    { directory, mark, files, ratio: snapshotRatio, minLogBytes, onError, lock },
    recovered.damaged,
  );
  const onWritten = (): Promise<void> | undefined => snapshots.check();
  const commit =
    durability === "lazy"
      ? new LazyCommit(sessions, records, log, { flushIntervalMs, onWritten, onError })
      : new GroupCommit(sessions, records, log, onWritten);
  void snapshots.check();
  return new HybridStore(new HybridBackend({ sessions, commit, log, snapshots, lock }), options);
}
