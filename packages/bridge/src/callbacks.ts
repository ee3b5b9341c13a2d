/** A callback as express-session and @fastify/session pass it. */
export type Callback<T = void> = (error: unknown, result?: T) => void;

/** Passes the outcome of a promise to a callback. Errors that the callback throws do not reach the promise. */
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
