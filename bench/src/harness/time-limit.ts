import type { ChildProcess } from "node:child_process";

/** Interval of the checks, and the maximum time that counts for one of them. */
const TICK_MS = 1_000;
const LATEST_MS = 2 * TICK_MS;

/**
 * Kills a child that runs longer than `limitMs`, and calls `onOver` with the reason. Time in which the whole machine
 * stood still, a paused virtual machine or a sleeping laptop, does not count: the clock runs on meanwhile, and a plain
 * timer would fire at the moment of waking up.
 *
 * @returns the function that ends the limit
 */
export function limitTime(
  child: ChildProcess,
  limitMs: number,
  onOver: (what: string) => void,
  now: () => number = () => performance.now(),
): () => void {
  let left = limitMs;
  let last = now();
  const timer = setInterval(
    () => {
      const at = now();
      left -= Math.min(at - last, LATEST_MS);
      last = at;
      if (left > 0) return;
      clearInterval(timer);
      child.kill("SIGKILL");
      onOver(`it had not ended after ${limitMs / 1000} s`);
    },
    Math.min(TICK_MS, limitMs),
  );
  return () => clearInterval(timer);
}
