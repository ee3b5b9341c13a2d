import { promisify } from "node:util";
import type { Callback, Contender } from "./contender.js";
import { type Elapsed, type ServerMeter, startWatch } from "./stopwatch.js";

/** What was seen of the calls of one drive. */
export interface Driven extends Elapsed {
  /** How many calls were made, all of which have ended: those from 0 to `calls` - 1. */
  calls: number;
  /** How many of them gave a result. */
  results: number;
  /** How long the calls that were timed took, in ms. */
  latencies: number[];
  /** The answers that were kept, by the index of the call. */
  answers: Map<number, unknown>;
}

export interface Drive {
  /** How many calls are made at most. */
  count: number;
  inFlight: number;
  /** No call is begun after so many ms. */
  ms: number;
  /** One call in so many, a power of two, is timed: to time each would take a good part of the time of the fastest. */
  every: number;
  /** The answer of one in so many, a multiple of `every`, is kept; without it, of all that are timed. */
  kept?: number;
  /** The server whose work is measured, too. */
  meter?: ServerMeter;
}

/** Makes one call. Where callbacks are used, it answers through them; elsewhere by the promise that it returns. */
export type Call = (index: number, lane: number, callback: Callback) => unknown;

/** Makes calls, `inFlight` of them at a time: when one has ended, its lane makes the next. */
export function drive(style: "promise" | "callback", how: Drive, call: Call): Promise<Driven> {
  return style === "promise" ? drivePromises(how, call) : driveCallbacks(how, call);
}

/** Makes one call that is not timed. */
export function callOnce(
  style: "promise" | "callback",
  make: (callback: Callback) => unknown,
): Promise<unknown> {
  if (style === "promise") return Promise.resolve(make(ignore));
  return promisify((callback: Callback) => void make(callback))();
}

/** Makes calls that are not timed, together if the contender can. */
export async function inBulk({ style, bulk }: Contender, how: Drive, call: Call): Promise<void> {
  await bulk?.("BEGIN");
  try {
    await drive(style, how, call);
  } finally {
    await bulk?.("COMMIT");
  }
}

const ignore = () => undefined;

async function drivePromises(
  { count, inFlight, ms, every, kept = every, meter }: Drive,
  call: Call,
): Promise<Driven> {
  const latencies: number[] = [];
  const answers = new Map<number, unknown>();
  const mask = every - 1;
  const keeping = Math.max(every, kept) - 1;
  let next = 0;
  let results = 0;
  let limit = count;
  const stop = await startWatch(meter);
  const deadline = performance.now() + ms;
  const run = async (lane: number) => {
    while (next < limit) {
      const index = next++;
      if ((index & mask) !== 0) {
        if (isResult(await call(index, lane, ignore))) results++;
        continue;
      }
      const began = performance.now();
      const result = await call(index, lane, ignore);
      const ended = performance.now();
      latencies.push(ended - began);
      if ((index & keeping) === 0) answers.set(index, result);
      if (isResult(result)) results++;
      if (ended > deadline) limit = 0;
    }
  };
  await Promise.all(Array.from({ length: Math.min(inFlight, count) }, (_, lane) => run(lane)));
  return { ...(await stop()), calls: next, results, latencies, answers };
}

async function driveCallbacks(
  { count, inFlight, ms, every, kept = every, meter }: Drive,
  call: Call,
): Promise<Driven> {
  const stop = await startWatch(meter);
  return new Promise((resolve, reject) => {
    const latencies: number[] = [];
    const answers = new Map<number, unknown>();
    const mask = every - 1;
    const keeping = Math.max(every, kept) - 1;
    let next = 0;
    let ended = 0;
    let results = 0;
    let limit = count;
    const deadline = performance.now() + ms;
    const finish = () =>
      stop().then((elapsed) => resolve({ ...elapsed, calls: next, results, latencies, answers }), reject);
    const run = (lane: number) => {
      let endedAtOnce = true;
      while (endedAtOnce && next < limit) {
        // A lane that went on from within a callback that came at once would overflow the stack.
        let isCalling = true;
        endedAtOnce = false;
        const index = next++;
        const began = (index & mask) === 0 ? performance.now() : 0;
        let isAnswered = false;
        const answer: Callback = (error, result) => {
          if (error) return reject(error);
          if (isAnswered) return reject(new Error("a call was answered twice"));
          isAnswered = true;
          if ((index & mask) === 0) {
            const now = performance.now();
            latencies.push(now - began);
            if ((index & keeping) === 0) answers.set(index, result);
            if (now > deadline) limit = 0;
          }
          if (isResult(result)) results++;
          ended++;
          if (isCalling) endedAtOnce = true;
          else run(lane);
          if (ended === next && next >= limit) void finish();
        };
        try {
          call(index, lane, answer);
        } catch (error) {
          return reject(error);
        }
        isCalling = false;
      }
    };
    if (count === 0) void finish();
    for (let lane = 0; lane < Math.min(inFlight, count); lane++) run(lane);
  });
}

/** What is not there is `null` or `undefined` to express-session and its stores; what was not done is `false`. */
function isResult(result: unknown): boolean {
  return result !== undefined && result !== null && result !== false;
}
