/** A callback as express-session and @fastify/session pass it. */
export type Callback<T = void> = (error: unknown, result?: T) => void;

/** Passes an outcome to a callback, outside of the promise: what the callback throws is its own. */
export function settle<T>(
  outcome: Promise<T>,
  callback: Callback<T> | undefined,
  onUnheard: (error: unknown) => void,
): void {
  outcome.then(
    (result) => callback && process.nextTick(callback, null, result),
    (error) => (callback ? process.nextTick(callback, error) : onUnheard(error)),
  );
}
