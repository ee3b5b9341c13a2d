import fs from "node:fs";
import { dirname } from "node:path";
import { StoreError } from "@scs/core";

// The head of a data file as `lmdb` 3 writes it: struct MDB_meta of its LMDB, behind a page header of 24 bytes. Pages
// 0 and 1 begin with it, in turn; what was last flushed is half a page behind the first. Little-endian.
const META_BYTES = 168;
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;
const PAGE_SIZE_OFFSET = 48;
const FLAGS_OFFSET = 52;
const LAST_PAGE_OFFSET = 144;
const TRANSACTION_OFFSET = 152;
const BOOT_OFFSET = 160;
/** Of a transaction that may not have been flushed. */
const UNFLUSHED = 0x1000;

interface Meta {
  magic: number;
  pageSize: number;
  isFlushed: boolean;
  lastPage: number;
  transaction: number;
  boot: bigint;
}

/**
 * Makes the data file where it is not there, readable by its owner only, and looks whether LMDB can open it and its
 * lock file: a file that is none of its own, cut short or out of reach would end the process.
 *
 * @throws StoreError `UNAVAILABLE` if the file is no LMDB database, or truncated, or the lock file is none. Errors of
 *   the file system as they are.
 */
export function prepareDataFile(
  path: string,
  { isFlushed }: { isFlushed: boolean } = { isFlushed: true },
): void {
  const file = fs.openSync(path, "a+", 0o600);
  try {
    const first = readMeta(file, 0);
    const isNew = first === undefined && fs.fstatSync(file).size === 0;
    if (!isNew) assertComplete(file, first);
  } finally {
    fs.closeSync(file);
  }
  assertLockable(path);
  if (isFlushed) syncDirectory(dirname(path));
}

/** Makes sure that the name of the file outlasts a power failure: LMDB flushes what is in it. */
function syncDirectory(path: string): void {
  if (process.platform === "win32") return; // cannot be opened there
  let directory: number;
  try {
    directory = fs.openSync(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EPERM") return; // not everybody may read it
    throw error;
  }
  try {
    fs.fsyncSync(directory);
  } finally {
    fs.closeSync(directory);
  }
}

/**
 * Looks whether LMDB can open its lock file, or make it, and does not open it: by a lock on that file LMDB knows that
 * a process is there, and the system drops the lock when the process closes any descriptor of the file. Should another
 * store of the process be open, the next process would take the file for one that nobody uses, and begin it anew.
 */
function assertLockable(path: string): void {
  const lockPath = `${path}-lock`;
  const lock = fs.statSync(lockPath, { throwIfNoEntry: false });
  if (lock === undefined) {
    fs.accessSync(dirname(path), fs.constants.W_OK | fs.constants.X_OK);
    return;
  }
  if (!lock.isFile()) {
    throw new StoreError(
      "UNAVAILABLE",
      "boltstore: the lock file beside the file is no file; choose another path",
    );
  }
  fs.accessSync(lockPath, fs.constants.R_OK | fs.constants.W_OK);
}

function assertComplete(file: number, first: Meta | undefined): void {
  if (first?.magic !== MAGIC) {
    throw new StoreError("UNAVAILABLE", "boltstore: the file is not an LMDB database; choose another path");
  }
  const second = readMeta(file, first.pageSize) ?? first;
  const flushed = readMeta(file, first.pageSize / 2) ?? first;
  const newest = first.transaction > second.transaction ? first : second;
  // After a power failure, LMDB goes back to what was flushed; the file may be too short for what came later.
  const { lastPage } = newest.isFlushed || newest.boot === currentBoot() ? newest : flushed;
  if (fs.fstatSync(file).size < (lastPage + 1) * first.pageSize) {
    throw new StoreError("UNAVAILABLE", "boltstore: the file is truncated; restore it from a backup");
  }
}

function readMeta(file: number, position: number): Meta | undefined {
  const meta = Buffer.alloc(META_BYTES);
  if (fs.readSync(file, meta, 0, META_BYTES, position) === 0) return undefined; // of a part of it, the rest is 0
  return {
    magic: meta.readUInt32LE(MAGIC_OFFSET),
    pageSize: meta.readUInt32LE(PAGE_SIZE_OFFSET),
    isFlushed: (meta.readUInt16LE(FLAGS_OFFSET) & UNFLUSHED) === 0,
    lastPage: Number(meta.readBigUInt64LE(LAST_PAGE_OFFSET)),
    transaction: Number(meta.readBigUInt64LE(TRANSACTION_OFFSET)),
    boot: meta.readBigInt64LE(BOOT_OFFSET),
  };
}

/** Which start of the system this is, as LMDB notes it: the first hexadecimal digits of Linux's ID; 0 elsewhere. */
function currentBoot(): bigint {
  try {
    return BigInt(`0x${fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").split("-")[0]}`);
  } catch {
    return 0n;
  }
}
