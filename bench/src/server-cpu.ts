import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** Linux counts processor time in hundredths of a second. */
const TICK_MICROS = 10_000;

/** The processor time that all processes of a PostgreSQL have taken so far, in µs; NaN where there is no /proc. */
export function serverCpu(directory: string): number {
  const [pid] = readFileSync(join(directory, "postmaster.pid"), "utf8").split("\n");
  let ticks = 0;
  try {
    for (const process of readdirSync("/proc")) {
      if (!/^\d+$/.test(process)) continue;
      const fields = statOf(process);
      if (process === pid || fields[1] === pid) ticks += Number(fields[11]) + Number(fields[12]);
    }
  } catch {
    return Number.NaN;
  }
  return ticks * TICK_MICROS;
}

/** What /proc tells of a process, from its state on: the parent comes next. Nothing of one that has just ended. */
function statOf(process: string): string[] {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, "utf8");
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  } catch {
    return [];
  }
}
