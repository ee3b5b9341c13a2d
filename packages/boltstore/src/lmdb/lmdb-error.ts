import { statfsSync } from "node:fs";
import { constants } from "node:os";
import { setImmediate } from "node:timers/promises";
import { StoreError } from "@scs/core";

/** Code of LMDB for a memory map that cannot grow. */
const MDB_MAP_FULL = -30_792;

/** A disk with less free space than this counts as full: LMDB writes whole pages. */
const FULL_BYTES = 65_536;

type LmdbError = Error & { code?: number | string; commitError?: Promise<never> };

/** Returns the error behind the driver's "Commit failed (see commitError for details)". */
export async function causeOf(error: unknown): Promise<unknown> {
  const details = (error as LmdbError | undefined)?.commitError;
  // The driver rejects commitError in the same turn of the event loop, or never if it has no details.
  return details === undefined
    ? error
    : Promise.race([details.catch((cause: unknown) => cause), setImmediate(error)]);
}

/** Returns whether a write failed because the disk of `path` is full, so that a smaller one may succeed. */
export function isNoSpace(error: unknown, path: string): boolean {
  const code = (error as LmdbError | undefined)?.code;
  const { ENOSPC, EDQUOT, EFBIG, EIO } = constants.errno;
  // LMDB reports EIO for a write that was cut short by a full disk.
  if (code === EIO) return isFull(path);
  return code === ENOSPC || code === EDQUOT || code === EFBIG || code === MDB_MAP_FULL;
}

/** Returns whether the disk of a file is full. */
export function isFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize < FULL_BYTES;
  } catch {
    return false; // the free space is unknown
  }
}

/** Translates an error of the driver: what happened, and the driver's message. */
export function toStoreError(cause: unknown, what = "the database cannot be used"): StoreError {
  if ((cause as Error | undefined)?.name === "StoreError") return cause as StoreError;
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new StoreError("UNAVAILABLE", `boltstore: ${what}${why}`, { cause });
}
