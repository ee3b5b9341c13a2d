/**
 * Calls a callback of the app. Passes its error to `onFailure`, thrown or rejected, so that it neither fails a call of a
 * store nor ends the process.
 */
export function callGuarded(callback: () => unknown, onFailure: (thrown: unknown) => void): void {
  try {
    const result = callback();
    if (isThenable(result)) Promise.resolve(result).catch(onFailure);
  } catch (thrown) {
    onFailure(thrown);
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === "function";
}
