import { StoreError } from "@scs/core";

/** Whether a write failed for want of space, so that a smaller one may not. */
export function isNoSpace(error: unknown): boolean {
  const { code } = (error ?? {}) as NodeJS.ErrnoException;
  return code === "ENOSPC" || code === "EDQUOT" || code === "EFBIG";
}

/** Makes the error of a failed call: what happened, and what the system said of it. */
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
