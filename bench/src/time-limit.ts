import type { ChildProcess } from "node:child_process";
import { cpuOfTree } from "./server-cpu.js";

/** How often it is looked, and what counts of a time in which nobody could look. */
const TICK_MS = 1_000;
const LATEST_MS = 2 * TICK_MS;

/**
 * Kills a child that takes longer, and tells what is to be said of it. A time in which the whole machine stood still, a
 * virtual machine that was paused, a laptop asleep, is not the child's: the clock goes on in it, and a plain timer would
 * be over the moment both awake.
 *
 * @returns What ends the limit.
 */
export function limitTime(
  child: ChildProcess,
  limitMs: number,
  onOver: (what: string) => void,
  now: () => number = () => performance.now(),
): () => void {
  const cpu = (): number | undefined => (child.pid === undefined ? undefined : cpuOfTree(child.pid));
  let left = limitMs;
  let last = now();
  let before: number | undefined;
  const timer = setInterval(
    () => {
      before ??= cpu(); // of those alone that take a while: it costs a millisecond
      const at = now();
      left -= Math.min(at - last, LATEST_MS);
      last = at;
      if (left > 0) return;
      clearInterval(timer);
      const after = cpu();
      const used = before === undefined || after === undefined ? undefined : (after - before) / 1e6;
      child.kill("SIGKILL");
      // Whether it ran in circles or waited for something is the first question.
      const computing = used === undefined ? "" : `, computing for ${used.toFixed(1)} s of it`;
      onOver(`it had not ended after ${limitMs / 1000} s${computing}`);
    },
    Math.min(TICK_MS, limitMs),
  );
  return () => clearInterval(timer);
}
