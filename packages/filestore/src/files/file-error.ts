import { StoreError } from "@scs/core";

const REASONS: Record<string, string> = {
  ENOSPC: "there is no space left on the disk",
  EDQUOT: "the disk quota is used up",
  EMFILE: "the process has too many open files",
  ENFILE: "the system has too many open files",
  EACCES: "the directory, or a file in it, may not be used",
  EPERM: "the directory, or a file in it, may not be used",
  EROFS: "the disk is read-only",
  ENOTDIR: "the path is not a directory",
};

/** What may be wrong with one file alone: bad sectors, a lack of rights, something else in its place. */
const OF_ONE_FILE = new Set(["EIO", "EACCES", "EPERM", "EBUSY", "EISDIR", "ELOOP", "ENXIO"]);

/** Begins the codes of errors that Node has no names for, such as those of damaged structures of a file system. */
const UNNAMED = /^unknown/i;

/** The code of an error of the file system. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Makes the error of a failed call: what happened, and as the cause what the file system said of it. */
export function toStoreError(cause: unknown): StoreError {
  if (isStoreError(cause)) return cause;
  const code = codeOf(cause);
  const reason = REASONS[code ?? ""] ?? "the file system has failed";
  return new StoreError("UNAVAILABLE", `filestore: ${reason}${code ? ` (${code})` : ""}`, { cause });
}

/**
 * Whether a call for a file has failed of what is wrong with this file, so that others may do well. What is not known
 * to be so counts as an error of them all: a file system that has failed must not look like an empty one.
 */
export function isOfOneFile(error: unknown): boolean {
  const code = codeOf(unwrapped(error)) ?? "";
  return OF_ONE_FILE.has(code) || UNNAMED.test(code);
}

/** What the file system said, where {@link toStoreError} has made an error of it. */
export function unwrapped(error: unknown): unknown {
  return isStoreError(error) ? error.cause : error;
}

function isStoreError(error: unknown): error is StoreError {
  return (error as Error | undefined)?.name === "StoreError";
}
