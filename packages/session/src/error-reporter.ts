/**
 * Makes of an error handler of the app's one that never fails: what it throws or rejects with becomes a process
 * warning. It must leave no response open, and must not end the process.
 */
export function reporterOf(onError: (error: Error) => unknown): (error: Error) => void {
  return (error) => {
    try {
      const outcome = onError(error);
      if (outcome instanceof Promise) outcome.catch(warn);
    } catch (thrown) {
      warn(thrown);
    }
  };
}

function warn(thrown: unknown): void {
  process.emitWarning(thrown instanceof Error ? thrown : String(thrown));
}
