import { inspect, types } from "node:util";

/**
 * Wraps an error handler of the app so that it never fails: its own errors become process warnings. Otherwise a failing
 * handler could leave a response open, or end the process.
 */
export function reporterOf(onError: (error: Error) => unknown): (error: Error) => void {
  return (error) => {
    try {
      Promise.resolve(onError(error)).catch(warn); // accepts promises of any realm or library
    } catch (thrown) {
      warn(thrown);
    }
  };
}

function warn(thrown: unknown): void {
  process.emitWarning(thrown instanceof Error ? thrown : inspect(thrown));
}

/** Converts anything thrown to an `Error`. Frameworks would treat `next(undefined)` as success. */
export function errorOf(thrown: unknown, what: string): Error {
  return types.isNativeError(thrown) || thrown instanceof Error ? thrown : new Error(what, { cause: thrown });
}
