import type { Fault, GatedStore, PendingCall } from "./gated-store.js";

/** Operations that run at once, and the check after they have ended. */
export interface Scenario {
  store: GatedStore;
  operations: (() => Promise<unknown>)[];
  /** The operations that share the process of an operation. */
  processOf: (operation: number) => number;
  /** Throws if a guarantee is broken. */
  check: (stopped: ReadonlySet<number>, fault: Fault | undefined) => Promise<void>;
}

export interface InjectedFault {
  /** The failing call, counted over all operations. */
  at: number;
  fault: Fault;
}

export interface Walk {
  interleavings: number;
  /** Number of calls in the longest order. */
  calls: number;
  /** Whether every order was walked. */
  isComplete: boolean;
}

interface Choice {
  /** The operations with waiting calls, and those already tried or unnecessary. */
  ready: PendingCall[];
  done: PendingCall[];
  sleeping: PendingCall[];
  picked: PendingCall;
}

export interface WalkOptions {
  /**
   * Whether calls of different records count as independent. Of orders that differ only in such calls, walks one (sleep
   * sets, Godefroid 1996). Not within one process, where operations also meet outside of the store.
   */
  isReduced: boolean;
  fault?: InjectedFault;
  /** Maximum number of interleavings. */
  limit?: number;
}

/** Walks the orders of the store calls of a scenario, depth first, each from a scenario made anew. */
export async function explore(make: () => Promise<Scenario>, options: WalkOptions): Promise<Walk> {
  const { limit = Number.POSITIVE_INFINITY } = options;
  const walk: Walk = { interleavings: 0, calls: 0, isComplete: true };
  let path: Choice[] = [];
  do {
    if (walk.interleavings >= limit) return { ...walk, isComplete: false };
    const run = await runOnce(await make(), path, options);
    path = run.path;
    if (run.isComplete) walk.interleavings++;
    walk.calls = Math.max(walk.calls, path.length);
  } while (backtrack(path));
  return walk;
}

/** Runs one scenario, and chooses calls by `random` (0 to 1). */
export async function sample(
  make: () => Promise<Scenario>,
  random: () => number,
  fault?: InjectedFault,
): Promise<void> {
  await runOnce(await make(), [], { isReduced: false, ...(fault && { fault }) }, random);
}

async function runOnce(
  scenario: Scenario,
  path: Choice[],
  options: WalkOptions,
  random?: () => number,
): Promise<{ path: Choice[]; isComplete: boolean }> {
  try {
    return await walkOnce(scenario, path, options, random);
  } finally {
    scenario.store.close();
  }
}

async function walkOnce(
  { store, operations, processOf, check }: Scenario,
  path: Choice[],
  { isReduced, fault }: WalkOptions,
  random?: () => number,
): Promise<{ path: Choice[]; isComplete: boolean }> {
  const settled = new Set<number>();
  const stopped = new Set<number>();
  for (const [at, operation] of operations.entries()) {
    void store
      .runGated(at, operation)
      .finally(() => settled.add(at))
      .catch(() => undefined);
  }
  const walked: Choice[] = [];
  for (;;) {
    await quiet();
    const ready = store.ready;
    if (ready.length === 0) break;
    const choice = choose(ready, path[walked.length], walked.at(-1), isReduced, random);
    if (choice === undefined) return { path: walked, isComplete: false }; // all that could follow has been walked in another order
    const isFaulty = fault?.at === walked.length;
    if (isFaulty && fault.fault.startsWith("stops")) {
      for (const at of operations.keys()) {
        if (processOf(at) === processOf(choice.picked.operation) && !settled.has(at)) stopped.add(at);
      }
    }
    walked.push(choice);
    store.release(choice.picked, isFaulty ? fault.fault : undefined, [...stopped]);
  }
  for (const at of operations.keys()) {
    if (!settled.has(at) && !stopped.has(at)) throw new Error(`operation ${at} waits for ever`);
  }
  await check(stopped, fault?.fault);
  return { path: walked, isComplete: true };
}

/** Picks the next call: repeats the choices in `before`, and then takes the first that is not asleep. */
function choose(
  ready: PendingCall[],
  before: Choice | undefined,
  parent: Choice | undefined,
  isReduced: boolean,
  random: (() => number) | undefined,
): Choice | undefined {
  if (random !== undefined) {
    const picked = ready[Math.floor(random() * ready.length)] as PendingCall;
    return { ready, done: [], sleeping: [], picked };
  }
  // Each run makes new calls, so identifies them by their operation.
  const same = (call: PendingCall) => ready.find(({ operation }) => operation === call.operation);
  const done = (before?.done ?? []).flatMap((call) => same(call) ?? []);
  const sleeping =
    parent === undefined || !isReduced
      ? []
      : [...parent.sleeping, ...parent.done]
          .filter((call) => isIndependent(call, parent.picked))
          .flatMap((call) => same(call) ?? []);
  const picked =
    before === undefined
      ? ready.find((call) => !sleeping.includes(call))
      : (same(before.picked) as PendingCall);
  return picked && { ready, done, sleeping, picked };
}

function isIndependent(one: PendingCall, other: PendingCall): boolean {
  return one.operation !== other.operation && (one.key !== other.key || (one.isRead && other.isRead));
}

/** Turns the path to the next one that has not been walked; `false` if there is none. */
function backtrack(path: Choice[]): boolean {
  for (let choice = path.pop(); choice !== undefined; choice = path.pop()) {
    const { ready, sleeping, picked } = choice;
    const done = [...choice.done, picked];
    const next = ready.find((call) => !done.includes(call) && !sleeping.includes(call));
    if (next === undefined) continue;
    path.push({ ready, sleeping, done, picked: next });
    return true;
  }
  return false;
}

/** Waits until all operations wait for the store, or have ended: nothing else takes a turn of the event loop. */
function quiet(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
