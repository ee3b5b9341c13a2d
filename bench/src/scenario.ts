import type { EventLoopDelay } from "./event-loop-delay.js";

/** `idle` does nothing, in slices of 2 ms: its delays beyond that are the machine's, not the store's. */
export const SCENARIOS = ["idle", "sweep 0.1 %", "sweep 50 %", "sweep 90 %", "entries", "snapshot"] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** What one process measures: one scenario on one store. */
export interface MillionRequest {
  store: string;
  scenario: Scenario;
  sessions: number;
  size: number;
}

export interface MillionResult {
  /** Of memory: the heap, and what lies beside it. */
  bytesPerSession: number;
  /** The longest single `commit` while the store grew from nothing. */
  longestCommitMs: number;
  /** Of a store that keeps files: what they take, and how long it takes to open them. */
  files?: { bytesPerSession: number; openingMs: number };
  /** Of sessions at random, 64 in flight. */
  findsPerSecond: number;
  delay: EventLoopDelay;
  /** How many sessions were removed, or walked over. */
  count: number;
}
