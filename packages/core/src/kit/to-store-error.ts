import { StoreError } from "../store-error.js";

/** Returns the error itself if it is a StoreError, or `UNAVAILABLE` with the error as its cause. */
export function toStoreError(name: string, error: unknown, what = "the call failed"): StoreError {
  if (error instanceof Error && error.name === "StoreError") return error as StoreError;
  return new StoreError("UNAVAILABLE", `${name}: ${what}`, { cause: error });
}

/** Translates an error of the driver by the backend's own function, if it has one. */
export function backendError(
  backend: { toStoreError?(error: unknown): Error },
  name: string,
  error: unknown,
): Error {
  try {
    return backend.toStoreError?.(error) ?? toStoreError(name, error);
  } catch (thrown) {
    return toStoreError(name, thrown);
  }
}
