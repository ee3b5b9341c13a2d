import { collectYoungGarbage } from "../harness/child.js";
import type { Expiry } from "./expiry.js";
import { listEntries, type WholeCall } from "./listing.js";
import type { SingleOperation, WholeOperation } from "./operation.js";
import { type Figures, Sum } from "./outcome.js";
import type { Workload } from "./workload.js";

/** Above this rate, only one call in `every` is timed. */
const TIMED = { perSecond: 50_000, every: 16 };
/** The answer of one call in this many is compared. Results are counted for all calls. */
const KEPT = 16;
/** Maximum number of measured calls of an operation that handles all sessions in one call. */
const MOST_CALLS = 20;
/** Maximum time of a cell, with preparation and verification, as a multiple of its measured time. */
const LONGEST = 6;

export interface Pacing {
  /** Minimum measured time of a cell. */
  measureMs: number;
  /** Time that the operation runs before it is measured. */
  warmUpMs: number;
}

/**
 * Warms up, measures and verifies an operation that handles one session per call.
 *
 * @throws WrongAnswer, or the error of the contender
 */
export async function measureSingle(
  workload: Workload,
  { operation, inFlight }: { operation: SingleOperation; inFlight: number },
  { measureMs, warmUpMs }: Pacing,
): Promise<Figures> {
  const step = async (ms: number, every: number) => {
    if (operation === "delete" && workload.ledger.missing().length === workload.sessions)
      await workload.fill();
    return workload.run(operation, { inFlight, kept: KEPT, ms, every });
  };
  const warmed = { calls: 0, ms: 0 };
  for (
    const end = performance.now() + LONGEST * warmUpMs;
    warmed.ms < warmUpMs && performance.now() < end;
  ) {
    const { calls, elapsedMs } = await step(warmUpMs - warmed.ms, TIMED.every);
    warmed.calls += calls;
    warmed.ms += elapsedMs;
  }
  await workload.verify("some");
  const every = (warmed.calls / warmed.ms) * 1000 > TIMED.perSecond ? TIMED.every : 1;
  collectYoungGarbage();
  const sum = new Sum();
  const end = performance.now() + LONGEST * measureMs;
  do {
    const { calls, latencies, ...elapsed } = await step(measureMs - sum.elapsedMs, every);
    sum.add(elapsed, calls, latencies);
    await workload.verify("some"); // at once: the next pass writes lost sessions again
  } while (sum.elapsedMs < measureMs && performance.now() < end);
  await workload.verify("changed");
  return sum.figures();
}

/**
 * Measures and verifies an operation that handles all sessions in one call.
 *
 * @throws WrongAnswer, or the error of the contender
 */
export async function measureWhole(
  { contender, ledger }: Workload,
  operation: WholeOperation,
  { measureMs }: Pacing,
  openExpiry: () => Promise<Expiry>,
): Promise<Figures> {
  const expiry = operation === "deleteExpired" ? await openExpiry() : undefined;
  const call = () => expiry?.call() ?? listEntries(contender, ledger);
  const began = performance.now();
  const budget = measureMs * LONGEST;
  const first = await call();
  // A call that takes the whole budget is not repeated: the first one counts.
  if (performance.now() - began > budget) return figuresOf([first]);
  collectYoungGarbage();
  const calls: WholeCall[] = [];
  let elapsed = 0;
  do {
    const made = await call();
    calls.push(made);
    elapsed += made.elapsedMs;
  } while (calls.length < MOST_CALLS && elapsed < measureMs && performance.now() - began < budget);
  return figuresOf(calls);
}

function figuresOf(calls: readonly WholeCall[]): Figures {
  const sum = new Sum();
  for (const { sessions, ...elapsed } of calls) sum.add(elapsed, sessions, [elapsed.elapsedMs]);
  return sum.figures();
}
