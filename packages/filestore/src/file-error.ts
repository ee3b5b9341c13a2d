import { StoreError } from "@scs/core";

const REASONS: Record<string, string> = {
  ENOSPC: "there is no space left on the disk",
  EDQUOT: "the disk quota is used up",
  EMFILE: "the process has too many open files",
  ENFILE: "the system has too many open files",
  EACCES: "the directory may not be used",
  EPERM: "the directory may not be used",
  EROFS: "the disk is read-only",
  ENOTDIR: "the path is not a directory",
};

/** The code of an error of the file system. */
export function codeOf(error: unknown): string | undefined {
  return (error as NodeJS.ErrnoException | undefined)?.code;
}

/** Makes the error of a failed call: what happened, and as the cause what the file system said of it. */
export function toStoreError(cause: unknown): StoreError {
  if ((cause as Error | undefined)?.name === "StoreError") return cause as StoreError;
  const code = codeOf(cause);
  const reason = REASONS[code ?? ""] ?? "the file system has failed";
  return new StoreError("UNAVAILABLE", `filestore: ${reason}${code ? ` (${code})` : ""}`, { cause });
}
