import { StoreError } from "@scs/core";

/** Returns whether a write failed because the disk is full, so that a smaller one may succeed. */
export function isNoSpace(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
}

/** Translates an error of the system: what happened, and the system's message. */
export function unavailable(what: string, cause: unknown): StoreError {
  if ((cause as Error | undefined)?.name === "StoreError") return cause as StoreError;
  const { code } = (cause ?? {}) as NodeJS.ErrnoException;
  const why = isNoSpace(cause)
    ? ": there is no space left on the disk"
    : code === undefined
      ? ""
      : `: ${code}`;
  return new StoreError("UNAVAILABLE", `hybridstore: ${what}${why}`, { cause });
}
