import { collectYoungGarbage } from "./child.js";
import type { Program } from "./contender.js";
import { WrongAnswer } from "./ledger.js";
import { type Task, WHOLE } from "./operation.js";
import { percentile } from "./statistics.js";
import type { Elapsed, ServerMeter } from "./stopwatch.js";
import { callAll, type Expiry, type WholeCall, walkEntries } from "./whole.js";
import type { SingleOperation, Workload } from "./workload.js";

/** What one round measured of one cell. Times in µs. */
export interface Figures {
  /** Calls a second; of an operation that takes one call for all sessions, sessions a second. */
  perSecond: number;
  /** The time from a call to its answer. A program that makes its own load does not tell. */
  p50?: number;
  p99?: number;
  /** CPU time of the process for one call, or one session. */
  client?: number;
  /** CPU time of the server. */
  server?: number;
  /** Of the server, for one call, where they are counted: then the times are not to be used. */
  statements?: number;
}

/** Figures, or why there are none; or nothing, if the contender does not have the operation. */
export type Outcome = Figures | { failure: string } | { isAbsent: true };

/** Calls are timed one by one up to this rate, beyond it one in so many. */
const TIMED = { perSecond: 50_000, every: 16 };
/**
 * The answer of one call in so many is kept and compared: to keep each would cost the fastest most. Whether there was
 * one is counted of all.
 */
const KEPT = 16;
/** Of an operation that takes one call for all sessions, so many calls are measured at most. */
const MOST_CALLS = 20;
/** A cell takes so many times as long as is measured at most, with what it takes to prepare and verify its calls. */
const LONGEST = 6;

/** Adds up what was measured, piece by piece. */
class Sum {
  calls = 0;
  elapsedMs = 0;
  readonly #latencies: number[] = [];
  #client = 0;
  #server: number | undefined;
  #statements: number | undefined;

  add({ elapsedMs, client, server, statements }: Elapsed, calls: number, latencies: readonly number[]): void {
    this.calls += calls;
    this.elapsedMs += elapsedMs;
    this.#client += client;
    if (server !== undefined) this.#server = (this.#server ?? 0) + server;
    if (statements !== undefined) this.#statements = (this.#statements ?? 0) + statements;
    for (const latency of latencies) this.#latencies.push(latency);
  }

  figures(): Figures {
    return {
      perSecond: (this.calls / this.elapsedMs) * 1000,
      p50: percentile(this.#latencies, 0.5) * 1000,
      p99: percentile(this.#latencies, 0.99) * 1000,
      client: this.#client / this.calls,
      ...(this.#server !== undefined && { server: this.#server / this.calls }),
      ...(this.#statements !== undefined && { statements: this.#statements / this.calls }),
    };
  }
}

function figuresOf(calls: readonly WholeCall[]): Figures {
  const sum = new Sum();
  for (const { sessions, ...elapsed } of calls) sum.add(elapsed, sessions, [elapsed.elapsedMs]);
  return sum.figures();
}

export interface Pacing {
  /** How long a cell is measured at least, and how long it has run before. */
  measureMs: number;
  warmUpMs: number;
  meter?: ServerMeter;
}

/**
 * Measures one task, warmed up, and verifies it.
 *
 * @throws WrongAnswer, or what the contender throws
 */
export async function measureTask(
  workload: Workload,
  { operation, inFlight }: Task,
  { measureMs, warmUpMs, meter }: Pacing,
  openExpiry: () => Promise<Expiry>,
): Promise<Figures> {
  if (WHOLE.includes(operation)) {
    const { contender, ledger } = workload;
    const sweep = operation === "deleteExpired" ? await openExpiry() : undefined;
    const call = (): Promise<WholeCall> =>
      sweep?.call(meter) ??
      (operation === "all" ? callAll(contender, ledger, meter) : walkEntries(contender, ledger, meter));
    const began = performance.now();
    const budget = measureMs * LONGEST;
    const first = await call();
    // Where a single call, and what it takes to prepare it, is as slow as that, it is not repeated to warm it up.
    if (performance.now() - began > budget) return figuresOf([first]);
    collectYoungGarbage();
    const calls: WholeCall[] = [];
    let elapsed = 0;
    while (
      calls.length === 0 ||
      (calls.length < MOST_CALLS && elapsed < measureMs && performance.now() - began < budget)
    ) {
      const made = await call();
      calls.push(made);
      elapsed += made.elapsedMs;
    }
    return figuresOf(calls);
  }
  const sum = new Sum();
  const single = operation as SingleOperation;
  const pace = { inFlight, ms: warmUpMs, kept: KEPT };
  const warmed = { calls: 0, ms: 0 };
  const step = async (ms: number, every: number) => {
    if (single === "delete" && workload.ledger.missing().length === workload.sessions) await workload.fill();
    return workload.run(single, {
      ...pace,
      ms,
      every,
      ...(meter !== undefined && { meter }),
    });
  };
  for (const end = performance.now() + LONGEST * pace.ms; warmed.ms < pace.ms && performance.now() < end; ) {
    const { calls, elapsedMs } = await step(pace.ms - warmed.ms, TIMED.every);
    warmed.calls += calls;
    warmed.ms += elapsedMs;
  }
  await workload.verify("some");
  const every = (warmed.calls / warmed.ms) * 1000 > TIMED.perSecond ? TIMED.every : 1;
  collectYoungGarbage();
  const end = performance.now() + LONGEST * measureMs;
  do {
    const { calls, latencies, ...elapsed } = await step(measureMs - sum.elapsedMs, every);
    sum.add(elapsed, calls, latencies);
    // At once: what is lost now would be there again after the next pass.
    await workload.verify("some");
  } while (sum.elapsedMs < measureMs && performance.now() < end);
  await workload.verify("changed");
  return sum.figures();
}

/** Lets a program make the load of one task. CPU time of the server would have its start in it, and its log-ins. */
export async function measureProgram(
  program: Program,
  { operation, inFlight }: Task,
  { measureMs }: Pacing,
): Promise<Figures | undefined> {
  const measured = await program.run(operation, inFlight, measureMs);
  return measured && { perSecond: measured.calls / measured.seconds };
}

export function failureOf(error: unknown): { failure: string } {
  if (error instanceof WrongAnswer) return { failure: error.message };
  if (!(error instanceof Error)) return { failure: String(error) };
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : "";
  return { failure: `${error.name}: ${error.message}${cause}` };
}
