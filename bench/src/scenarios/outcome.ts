import { percentile } from "../harness/percentile.js";
import type { Elapsed } from "../harness/stopwatch.js";

/** A wrong answer. Makes its cell void, at any speed. */
export class WrongAnswer extends Error {}

/** The figures of one round of one cell. Times in µs. */
export interface Figures {
  /** Calls per second; sessions per second for an operation that handles all sessions in one call. */
  perSecond: number;
  /** Time from a call to its answer. */
  p50: number;
  p99: number;
  /** CPU time of the process for one call, or one session. */
  cpu: number;
}

/** Figures, or a failure, or a mark that the contender does not have the operation. */
export type Outcome = Figures | { failure: string } | { isAbsent: true };

/** Returns the outcome of a task that threw. */
export function failureOf(error: unknown): { failure: string } {
  if (error instanceof WrongAnswer) return { failure: error.message };
  if (!(error instanceof Error)) return { failure: String(error) };
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return { failure: `${error.name}: ${error.message}${cause}` };
}

/** Adds up measurements of one cell. */
export class Sum {
  calls = 0;
  elapsedMs = 0;
  readonly #latencies: number[] = [];
  #cpu = 0;

  add({ elapsedMs, cpu }: Elapsed, calls: number, latencies: readonly number[]): void {
    this.calls += calls;
    this.elapsedMs += elapsedMs;
    this.#cpu += cpu;
    for (const latency of latencies) this.#latencies.push(latency);
  }

  figures(): Figures {
    return {
      perSecond: (this.calls / this.elapsedMs) * 1000,
      p50: percentile(this.#latencies, 0.5) * 1000,
      p99: percentile(this.#latencies, 0.99) * 1000,
      cpu: this.#cpu / this.calls,
    };
  }
}
