/** What is measured, by the names that `--op` takes. */
export const OPERATIONS = [
  "find",
  "miss",
  "insert",
  "update",
  "replace",
  "touch",
  "delete",
  "all",
  "entries",
  "deleteExpired",
  "mix",
] as const;
export type Operation = (typeof OPERATIONS)[number];

/** Operations that take one call for all sessions: there is nothing to have in flight beside it. */
export const WHOLE: readonly Operation[] = ["all", "entries", "deleteExpired"];

/**
 * Operations that remove sessions. Where contenders have a file for each session, these come after all others: on some
 * file systems, files are made more slowly for up to 35 s after others were removed, whoever removed them.
 */
export const REMOVING: readonly Operation[] = ["delete", "deleteExpired"];

/** How many calls are in flight in the mix, unless the command says otherwise. */
export const MIX_IN_FLIGHT: readonly number[] = [1, 8, 64, 256];

/** One operation with so many calls in flight. */
export interface Task {
  operation: Operation;
  inFlight: number;
}

/** All tasks of a run, each once. `mixInFlight` is for the mix, `inFlight` for the others that take many calls. */
export function tasksOf(
  operations: readonly Operation[],
  inFlight: readonly number[],
  mixInFlight: readonly number[],
): Task[] {
  const counts = (operation: Operation) =>
    WHOLE.includes(operation) ? [1] : operation === "mix" ? mixInFlight : inFlight;
  return OPERATIONS.filter((operation) => operations.includes(operation)).flatMap((operation) =>
    counts(operation).map((count) => ({ operation, inFlight: count })),
  );
}

/**
 * In which order contenders take their turns: another begins in each round, and every other round goes backwards, so
 * that none follows the same one always.
 */
export function turnsOf(count: number, round: number): number[] {
  const step = round % 2 === 0 ? 1 : count - 1;
  return Array.from({ length: count }, (_, turn) => (round + step * turn) % count);
}

/**
 * The mix as a web application makes it, of a thousand requests: most find, some keep a session alive, some change
 * one, a few log in or out. Whoever has no `replace` overwrites instead.
 */
export const MIX = { find: 800, touch: 100, replace: 90, renew: 10 } as const;
