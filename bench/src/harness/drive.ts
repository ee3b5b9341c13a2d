import type { Callback, Contender } from "./contender.js";
import { type Elapsed, startWatch } from "./stopwatch.js";

/** The result of {@link drive}. */
export interface Driven extends Elapsed {
  /** Number of calls made, all of which have ended. Their indexes are 0 to `calls` - 1. */
  calls: number;
  /** Number of calls that returned a value. */
  results: number;
  /** Durations of the timed calls, in ms. */
  latencies: number[];
  /** The kept answers, by the index of the call. */
  answers: Map<number, unknown>;
}

export interface Drive {
  /** Maximum number of calls. */
  count: number;
  inFlight: number;
  /** Time after which no call begins. */
  ms: number;
  /** One call in this many is timed; a power of two. Timing every call would slow down the fastest contenders. */
  every: number;
  /** One answer in this many is kept; a multiple of `every`. @default every */
  kept?: number;
}

/** Makes one call, which answers through `callback` or its promise, depending on the style. */
export type Call = (index: number, callback: Callback) => unknown;

/** Keeps `inFlight` calls in flight: each lane makes its next call when the one before has ended. */
export async function drive(style: Contender["style"], how: Drive, call: Call): Promise<Driven> {
  const { count, inFlight, ms, every, kept = every } = how;
  const counter = new Counter(count, every - 1, Math.max(every, kept) - 1);
  const stop = startWatch();
  counter.deadline = performance.now() + ms;
  const lanes = Math.min(inFlight, count);
  await (style === "promise" ? drivePromises(lanes, counter, call) : driveCallbacks(lanes, counter, call));
  const { next: calls, results, latencies, answers } = counter;
  return { ...stop(), calls, results, latencies, answers };
}

/** Counts calls and their answers. */
class Counter {
  next = 0;
  results = 0;
  deadline = 0;
  readonly latencies: number[] = [];
  readonly answers = new Map<number, unknown>();
  limit: number;
  readonly mask: number;
  readonly #keeping: number;

  constructor(limit: number, mask: number, keeping: number) {
    this.limit = limit;
    this.mask = mask;
    this.#keeping = keeping;
  }

  /** Notes the answer of a timed call. */
  time(index: number, began: number, result: unknown): void {
    const ended = performance.now();
    this.latencies.push(ended - began);
    if ((index & this.#keeping) === 0) this.answers.set(index, result);
    if (ended > this.deadline) this.limit = 0;
  }
}

async function drivePromises(lanes: number, counter: Counter, call: Call): Promise<void> {
  const run = async () => {
    while (counter.next < counter.limit) {
      const index = counter.next++;
      const isTimed = (index & counter.mask) === 0;
      const began = isTimed ? performance.now() : 0;
      const result = await call(index, ignore);
      if (isTimed) counter.time(index, began, result);
      if (isResult(result)) counter.results++;
    }
  };
  await Promise.all(Array.from({ length: lanes }, run));
}

function driveCallbacks(lanes: number, counter: Counter, call: Call): Promise<void> {
  return new Promise((resolve, reject) => {
    let ended = 0;
    const run = () => {
      let endedAtOnce = true;
      while (endedAtOnce && counter.next < counter.limit) {
        // Continuing from within an immediate callback would overflow the stack.
        let isCalling = true;
        endedAtOnce = false;
        const index = counter.next++;
        const isTimed = (index & counter.mask) === 0;
        const began = isTimed ? performance.now() : 0;
        let isAnswered = false;
        const answer: Callback = (error, result) => {
          if (error) return reject(error);
          if (isAnswered) return reject(new Error("a call was answered twice"));
          isAnswered = true;
          if (isTimed) counter.time(index, began, result);
          if (isResult(result)) counter.results++;
          ended++;
          if (isCalling) endedAtOnce = true;
          else run();
          if (ended === counter.next && counter.next >= counter.limit) resolve();
        };
        try {
          call(index, answer);
        } catch (error) {
          return reject(error);
        }
        isCalling = false;
      }
    };
    if (lanes === 0) resolve();
    for (let lane = 0; lane < lanes; lane++) run();
  });
}

/** Makes calls that are not timed, in one transaction if the contender supports it. */
export async function inBulk({ style, bulk }: Contender, how: Drive, call: Call): Promise<void> {
  await bulk?.("BEGIN");
  try {
    await drive(style, how, call);
  } finally {
    await bulk?.("COMMIT");
  }
}

const ignore = () => undefined;

/** `null` and `undefined` stand for absence in express-session and its stores, `false` for a call without effect. */
function isResult(result: unknown): boolean {
  return result !== undefined && result !== null && result !== false;
}
