export const OPERATIONS = ["find", "miss", "update", "insert", "delete"] as const;
export type Operation = (typeof OPERATIONS)[number];

/** What one process measures: one contender at one number of calls in flight. */
export interface OperationsRequest {
  contender: string;
  sessions: number;
  size: number;
  inFlight: number;
  /** How long each operation is repeated at least. */
  measureMs: number;
}

/** Operations per second, or why there is no such figure: an answer was wrong, or a call failed. */
export type OperationsResult = Partial<Record<Operation, number | string>>;
