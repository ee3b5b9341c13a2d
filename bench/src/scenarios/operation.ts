/** Operations that handle one session per call. */
const SINGLE = ["find", "miss", "insert", "update", "replace", "touch", "delete"] as const;
/** Operations that handle all sessions in one call. No other call can be in flight. */
const WHOLE = ["entries", "deleteExpired"] as const;
/** The requests of an HTTP application: one reads its session, one changes it. */
const REQUESTS = ["http-read", "http-write"] as const;

export type SingleOperation = (typeof SINGLE)[number];
export type WholeOperation = (typeof WHOLE)[number];
export type RequestOperation = (typeof REQUESTS)[number];
export type Operation = SingleOperation | WholeOperation | RequestOperation;

/** All operations, by the names that `--op` takes. */
export const OPERATIONS: readonly Operation[] = [...SINGLE, ...WHOLE, ...REQUESTS];

export const isWhole = (operation: Operation): operation is WholeOperation =>
  (WHOLE as readonly Operation[]).includes(operation);
export const isRequest = (operation: Operation): operation is RequestOperation =>
  (REQUESTS as readonly Operation[]).includes(operation);

/**
 * Operations that remove sessions. They run after all rounds of the others: for up to 35 s after files were removed,
 * ext4 without a journal creates new ones slowly.
 */
export const REMOVING: readonly Operation[] = ["delete", "deleteExpired"];

/** An operation and its number of calls in flight; for requests, the number of connections. */
export interface Task {
  operation: Operation;
  inFlight: number;
}

/** Lists the tasks of these operations, each once. */
export function tasksOf(operations: readonly Operation[], inFlight: readonly number[]): Task[] {
  const most = Math.max(...inFlight);
  return OPERATIONS.filter((operation) => operations.includes(operation)).flatMap((operation) => {
    const counts = isWhole(operation) ? [1] : isRequest(operation) ? [most] : inFlight;
    return counts.map((count) => ({ operation, inFlight: count }));
  });
}

/**
 * Returns the order of the contenders in a round: each round begins with a different one, and every other round is
 * reversed, so that no contender always follows the same one.
 */
export function turnsOf(count: number, round: number): number[] {
  const step = round % 2 === 0 ? 1 : count - 1;
  return Array.from({ length: count }, (_, turn) => (round + step * turn) % count);
}
