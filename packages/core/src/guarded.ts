/**
 * Calls a callback of the app's. What it throws, and what a promise that it returns rejects with, goes to `onFailure`:
 * no call of a store may fail of it, and no rejection end the process.
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
