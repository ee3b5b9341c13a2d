import { StoreError } from "../store-error.js";

/** Returns the error itself if it is a StoreError, or `UNAVAILABLE` with the error as its cause. */
export function toStoreError(name: string, error: unknown, what = "the call failed"): StoreError {
  if (error instanceof Error && error.name === "StoreError") return error as StoreError;
  return new StoreError("UNAVAILABLE", `${name}: ${what}`, { cause: error });
}
