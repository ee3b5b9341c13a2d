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

/** Errors that may concern a single file: bad sectors, missing rights, a directory in its place. */
const OF_ONE_FILE = new Set(["EIO", "EACCES", "EPERM", "EBUSY", "EISDIR", "ELOOP", "ENXIO"]);

/** Start of the codes of errors that Node.js has no name for, such as of a damaged file system. */
const UNNAMED = /^unknown/i;

/** Returns the code of an error of the file system. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Translates an error of the file system, which becomes the cause. */
export function toStoreError(cause: unknown): StoreError {
  if (isStoreError(cause)) return cause;
  const code = codeOf(cause);
  const reason = REASONS[code ?? ""] ?? "the file system has failed";
  return new StoreError("UNAVAILABLE", `filestore: ${reason}${code ? ` (${code})` : ""}`, { cause });
}

/**
 * Returns whether an error concerns a single file, so that calls for others may succeed. Unknown errors count as errors of
 * the file system: a failed file system must not look like an empty one.
 */
export function isOfOneFile(error: unknown): boolean {
  const code = codeOf(unwrapped(error)) ?? "";
  return OF_ONE_FILE.has(code) || UNNAMED.test(code);
}

/** Returns the error of the file system behind an error of {@link toStoreError}. */
export function unwrapped(error: unknown): unknown {
  return isStoreError(error) ? error.cause : error;
}

function isStoreError(error: unknown): error is StoreError {
  return (error as Error | undefined)?.name === "StoreError";
}
