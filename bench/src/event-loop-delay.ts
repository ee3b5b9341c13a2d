import { createHistogram, monitorEventLoopDelay, performance } from "node:perf_hooks";
import { setTimeout } from "node:timers/promises";

/** How long the event loop was held, in ms. */
export interface EventLoopDelay {
  /** By `monitorEventLoopDelay`: a timer of 1 ms; what it is late by, above that millisecond. */
  timerMax: number;
  timerP99: number;
  /** By a chain of `setImmediate`: from one turn of the loop to the next. */
  turnMax: number;
  turnP99: number;
  /** The time from the start of the work to its end. */
  total: number;
}

const RESOLUTION_MS = 1;

/** Does the work and measures how long it kept others from their turn. */
export async function measureEventLoopDelay(work: () => Promise<void>): Promise<EventLoopDelay> {
  const histogram = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  // Not a list: of work of ten seconds it has millions of turns, and to let it grow would hold the loop itself.
  const turns = createHistogram();
  let isDone = false;
  const probe = new Promise<void>((resolve) => {
    let last = performance.now();
    const turn = () => {
      const now = performance.now();
      turns.record(Math.max(1, Math.round((now - last) * 1e6)));
      last = now;
      if (isDone) resolve();
      else setImmediate(turn);
    };
    setImmediate(turn);
  });
  histogram.enable();
  await setTimeout(20); // the timer's first ticks come late
  histogram.reset();
  await setTimeout(5); // after a reset, it measures from the next tick on
  turns.reset();
  const started = performance.now();
  await work();
  const total = performance.now() - started;
  isDone = true;
  await probe;
  await setTimeout(2); // lets the timer notice the last slice
  histogram.disable();
  const timer = (nanoseconds: number) => Math.max(0, nanoseconds / 1e6 - RESOLUTION_MS);
  return {
    timerMax: timer(histogram.max),
    timerP99: timer(histogram.percentile(99)),
    turnMax: turns.max / 1e6,
    turnP99: turns.percentile(99) / 1e6,
    total,
  };
}
