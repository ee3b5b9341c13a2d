import { readdirSync, readFileSync } from "node:fs";

/** The CPU time that a process and its children have taken, in µs; `undefined` where the system does not tell. */
export function cpuOfTree(pid: number): number | undefined {
  if (process.platform !== "linux") return undefined;
  let microseconds = 0;
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    if (Number(name) !== pid && parentOf(name) !== pid) continue;
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

function parentOf(pid: string): number {
  // The name of the command stands in brackets, and may have any character in it.
  const stat = read(`/proc/${pid}/stat`);
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
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
