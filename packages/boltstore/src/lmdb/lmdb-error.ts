import { statfsSync } from "node:fs";
import { constants } from "node:os";
import { setImmediate } from "node:timers/promises";
import { StoreError } from "@scs/core";

/** LMDB's own code for a memory map that cannot grow. */
const MDB_MAP_FULL = -30_792;

/** A disk with less than this is full: LMDB writes page by page. */
const FULL_BYTES = 65_536;

type LmdbError = Error & { code?: number | string; commitError?: Promise<never> };

/** The error behind the driver's "Commit failed (see commitError for details)". */
export async function causeOf(error: unknown): Promise<unknown> {
  const details = (error as LmdbError | undefined)?.commitError;
  // The driver rejects it in the same turn of the event loop, or never: where it knows no more.
  return details === undefined
    ? error
    : Promise.race([details.catch((cause: unknown) => cause), setImmediate(error)]);
}

/** Whether a write to the disk that `path` is on failed for want of space, so that a smaller one may not. */
export function isNoSpace(error: unknown, path: string): boolean {
  const code = (error as LmdbError | undefined)?.code;
  const { ENOSPC, EDQUOT, EFBIG, EIO } = constants.errno;
  // Of a write that was cut short since the disk became full, LMDB says EIO.
  if (code === EIO) return isFull(path);
  return code === ENOSPC || code === EDQUOT || code === EFBIG || code === MDB_MAP_FULL;
}

function isFull(path: string): boolean {
  try {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize < FULL_BYTES;
  } catch {
    return false; // no disk that says how full it is
  }
}

/** Makes the error of a failed call: what happened, and what the driver said of it. */
export function toStoreError(cause: unknown, what = "the database cannot be used"): StoreError {
  if ((cause as Error | undefined)?.name === "StoreError") return cause as StoreError;
  const why = cause instanceof Error ? `: ${cause.message}` : "";
  return new StoreError("UNAVAILABLE", `boltstore: ${what}${why}`, { cause });
}
