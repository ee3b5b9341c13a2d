/** The operations of which one call is about one session. */
const SINGLE = ["find", "miss", "insert", "update", "replace", "touch", "delete"] as const;
/** The operations that take one call for all sessions. Nothing can be in flight beside it. */
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
 * Operations that remove sessions. They come after all rounds of the others: ext4 without a journal makes new files
 * slowly for up to 35 s after others were removed.
 */
export const REMOVING: readonly Operation[] = ["delete", "deleteExpired"];

/** An operation with a number of calls in flight; of a request, of connections. */
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
 * Returns the order in which contenders take their turns: each round begins with another one, and every other round
 * goes backwards, so that none always follows the same one.
 */
export function turnsOf(count: number, round: number): number[] {
  const step = round % 2 === 0 ? 1 : count - 1;
  return Array.from({ length: count }, (_, turn) => (round + step * turn) % count);
}
