import type { ChildProcess } from "node:child_process";

/** Interval of the checks, and the maximum time that one of them counts. */
const TICK_MS = 1_000;
const LATEST_MS = 2 * TICK_MS;

/**
 * Kills a child that runs longer than `limitMs`, and calls `onOver` with the reason. Time during which the whole machine
 * was suspended (a paused virtual machine, a sleeping laptop) does not count; a plain timer would fire on wake-up.
 *
 * @returns a function that cancels the limit
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
      onOver(`it did not end within ${limitMs / 1000} s`);
    },
    Math.min(TICK_MS, limitMs),
  );
  return () => clearInterval(timer);
}
