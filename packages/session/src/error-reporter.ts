import { inspect, types } from "node:util";

/**
 * Makes of an error handler of the app's one that never fails: what it throws or rejects with becomes a process
 * warning. It must leave no response open, and must not end the process.
 */
export function reporterOf(onError: (error: Error) => unknown): (error: Error) => void {
  return (error) => {
    try {
      Promise.resolve(onError(error)).catch(warn); // of whatever realm or library the promise is
    } catch (thrown) {
      warn(thrown);
    }
  };
}

function warn(thrown: unknown): void {
  process.emitWarning(thrown instanceof Error ? thrown : inspect(thrown));
}

/** Makes an error of anything that was thrown: to a framework, `next(undefined)` would be no error at all. */
export function errorOf(thrown: unknown, what: string): Error {
  return types.isNativeError(thrown) || thrown instanceof Error ? thrown : new Error(what, { cause: thrown });
}
