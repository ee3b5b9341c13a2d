import { readdirSync, readFileSync } from "node:fs";

/** Unit of the CPU times in `stat`, in ticks per second. */
const TICKS = 100;

/**
 * Returns the CPU time of a process and its children in µs, including children that have ended. Returns `undefined`
 * outside Linux.
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

/** Reads a file of `/proc`; returns an empty string if the process has ended. */
function read(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}

/** Returns the fields of `stat` from the third on: the state of the process, its parent, and so on. */
function statOf(pid: string | number): string[] {
  // The second field is the command in parentheses, which may contain any character.
  const stat = read(`/proc/${pid}/stat`);
  return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
}

/** Returns the CPU time of children that have ended, which the system counts in ticks. */
function cpuOfEnded(pid: number): number {
  const stat = statOf(pid);
  return ((Number(stat[13] ?? 0) + Number(stat[14] ?? 0)) / TICKS) * 1e6;
}

/** Adds up all threads of a process. `schedstat` counts in ns, `stat` only in ticks of 10 ms. */
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
