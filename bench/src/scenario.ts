import type { EventLoopDelay } from "./event-loop-delay.js";

/** `idle` does nothing, in slices of 2 ms: its delays beyond that are the machine's, not the store's. */
export const SCENARIOS = ["idle", "sweep 50 %", "sweep 90 %", "entries"] as const;
export type Scenario = (typeof SCENARIOS)[number];

/** What one process measures: one scenario on one store. */
export interface MillionRequest {
  store: string;
  scenario: Scenario;
  sessions: number;
  size: number;
}

export interface MillionResult {
  bytesPerSession: number;
  /** The longest single `commit` while the store grew from nothing. */
  longestCommitMs: number;
  delay: EventLoopDelay;
  /** How many sessions were removed, or walked over. */
  count: number;
}
