import fs from "node:fs";
import { dirname } from "node:path";
import { StoreError } from "@scs/core";
import { isFull } from "./lmdb-error.js";

// Start of a data file of `lmdb` 3: struct MDB_meta of its LMDB, after a page header of 24 bytes. Pages 0 and 1 start
// with it, written alternately; half a page after the first follows the last flushed one. Little-endian.
const META_BYTES = 168;
const MAGIC = 0xbeefc0de;
const MAGIC_OFFSET = 24;
const PAGE_SIZE_OFFSET = 48;
const FLAGS_OFFSET = 52;
const LAST_PAGE_OFFSET = 144;
const TRANSACTION_OFFSET = 152;
const BOOT_OFFSET = 160;
/** Flag of a transaction that may not be flushed. */
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
 * Creates the data file if it is missing, readable by its owner only. Checks that LMDB can open it and its lock file: a
 * foreign, truncated or inaccessible file would crash the process, and so would a full disk on which LMDB creates one.
 *
 * @throws StoreError `UNAVAILABLE` if the file is no LMDB database or is truncated, the lock file is no file, or the disk
 *   is full. Errors of the file system pass through.
 */
export function prepareDataFile(
  path: string,
  { isFlushed }: { isFlushed: boolean } = { isFlushed: true },
): void {
  const file = fs.openSync(path, "a+", 0o600);
  try {
    const first = readMeta(file, 0);
    const isNew = first === undefined && fs.fstatSync(file).size === 0;
    if (isNew) assertSpace(path);
    else assertComplete(file, first);
  } finally {
    fs.closeSync(file);
  }
  assertLockable(path);
  if (isFlushed) syncDirectory(dirname(path));
}

/** Makes the name of the file survive a power failure. LMDB flushes only its content. */
function syncDirectory(path: string): void {
  if (process.platform === "win32") return; // directories cannot be opened there
  let directory: number;
  try {
    directory = fs.openSync(path, "r");
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === "EACCES" || code === "EPERM") return; // no permission to read it
    throw error;
  }
  try {
    fs.fsyncSync(directory);
  } finally {
    fs.closeSync(directory);
  }
}

/**
 * Checks that LMDB can open or create its lock file, without opening it. LMDB marks a running process by a lock on that
 * file, and the system drops this lock when the process closes any descriptor of the file. If the process has another
 * store on the file, the next process would take the file for unused, and reset it.
 */
function assertLockable(path: string): void {
  const lockPath = `${path}-lock`;
  const lock = fs.statSync(lockPath, { throwIfNoEntry: false });
  if (lock === undefined) {
    fs.accessSync(dirname(path), fs.constants.W_OK | fs.constants.X_OK);
    assertSpace(path);
    return;
  }
  if (!lock.isFile()) {
    throw new StoreError(
      "UNAVAILABLE",
      "boltstore: the lock file beside the file is no file; choose another path",
    );
  }
  fs.accessSync(lockPath, fs.constants.R_OK | fs.constants.W_OK);
  if (lock.blocks === 0) assertSpace(path); // in use, it has its first page
}

/** LMDB writes its files through a memory map: without space for a page, the system ends the process. */
function assertSpace(path: string): void {
  if (!isFull(path)) return;
  const cause = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });
  throw new StoreError("UNAVAILABLE", "boltstore: there is no space left on the disk", { cause });
}

function assertComplete(file: number, first: Meta | undefined): void {
  if (first?.magic !== MAGIC) {
    throw new StoreError("UNAVAILABLE", "boltstore: the file is not an LMDB database; choose another path");
  }
  const second = readMeta(file, first.pageSize) ?? first;
  const flushed = readMeta(file, first.pageSize / 2) ?? first;
  const newest = first.transaction > second.transaction ? first : second;
  // After a power failure, LMDB returns to the last flushed transaction; the file may be too short for later ones.
  const { lastPage } = newest.isFlushed || newest.boot === currentBoot() ? newest : flushed;
  if (fs.fstatSync(file).size < (lastPage + 1) * first.pageSize) {
    throw new StoreError("UNAVAILABLE", "boltstore: the file is truncated; restore it from a backup");
  }
}

function readMeta(file: number, position: number): Meta | undefined {
  const meta = Buffer.alloc(META_BYTES);
  if (fs.readSync(file, meta, 0, META_BYTES, position) === 0) return undefined; // after a partial read, the rest is 0
  return {
    magic: meta.readUInt32LE(MAGIC_OFFSET),
    pageSize: meta.readUInt32LE(PAGE_SIZE_OFFSET),
    isFlushed: (meta.readUInt16LE(FLAGS_OFFSET) & UNFLUSHED) === 0,
    lastPage: Number(meta.readBigUInt64LE(LAST_PAGE_OFFSET)),
    transaction: Number(meta.readBigUInt64LE(TRANSACTION_OFFSET)),
    boot: meta.readBigInt64LE(BOOT_OFFSET),
  };
}

/** Returns the boot ID as LMDB stores it: the first hexadecimal digits of Linux's ID; 0 elsewhere. */
function currentBoot(): bigint {
  try {
    return BigInt(`0x${fs.readFileSync("/proc/sys/kernel/random/boot_id", "latin1").split("-")[0]}`);
  } catch {
    return 0n;
  }
}
