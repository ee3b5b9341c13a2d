import { readdirSync, readFileSync } from "node:fs";

/** Ticks of the CPU times in `stat`, a second. */
const TICKS = 100;

/**
 * The CPU time that a process and its children have taken, those included that have ended, in µs; `undefined` where
 * the system does not tell.
 */
export function cpuOfTree(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  let microseconds = cpuOfEnded(pid);
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    if (Number(name) !== pid && Number(statOf(name)[1]) !== pid) continue;
    microseconds += cpuOf(name);
  }
  return microseconds;
}

/** A process may have ended since its name was read: its CPU time is missed then. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** What `stat` says from the third value on, the state of the process: the second is the parent. */
function statOf(pid: string | number): string[] {
  // The name of the command stands in brackets, and may have any character in it.
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Of children that have ended, in ticks alone. */
function cpuOfEnded(pid: number): number {
  const stat = statOf(pid);
  return ((Number(stat[13] ?? 0) + Number(stat[14] ?? 0)) / TICKS) * 1e6;
}

/** `schedstat` counts in ns; `stat` would count in ticks of 10 ms. A server has threads too. */
function cpuOf(pid: string): number {
  let nanoseconds = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`))
      nanoseconds += Number(read(`/proc/${pid}/task/${thread}/schedstat`).split(" ")[0]);
  } catch {
    return 0;
  }
  return nanoseconds / 1000;
}
