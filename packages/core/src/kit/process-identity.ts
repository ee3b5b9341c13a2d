import fs from "node:fs";

/**
 * Identifies a process. A process ID alone does not: the system reuses it. Unknown parts are empty.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** Start time of the process, in ticks since the system started. Linux only. */
  readonly start: string;
  /** Namespace of the process ID: a container has its own. Linux only. */
  readonly namespace: string;
  /** ID of the system's current boot. Linux only. */
  readonly boot: string;
}

/** Whether a process has ended. `unknown`: it cannot be determined on this system, or from this container. */
export type Verdict = "alive" | "dead" | "unknown";

const ENDED = ["Z", "X"];

let own: ProcessIdentity | undefined;

/** Returns the identity of this process. */
export function identifyProcess(): ProcessIdentity {
  own ??= {
    pid: process.pid,
    start: statusOf("self")?.start ?? "",
    namespace: tell(() => /\d+/.exec(fs.readlinkSync("/proc/self/ns/pid"))?.[0]) ?? "",
    boot: read("/proc/sys/kernel/random/boot_id")?.trim() ?? "",
  };
  return own;
}

/**
 * Determines whether a process of this machine has ended. Returns `dead` only when that is certain. Where `/proc/<pid>`
 * cannot be read, or the start time is not known, another process may have the same ID: `unknown`.
 *
 * @param observer The identity of the observing process, for tests.
 */
export function judgeProcess(
  { pid, start, namespace, boot }: ProcessIdentity,
  observer: Omit<ProcessIdentity, "pid" | "start"> = identifyProcess(),
): Verdict {
  if (boot !== observer.boot) return boot === "" || observer.boot === "" ? "unknown" : "dead";
  if (namespace !== observer.namespace) return "unknown"; // in this namespace, the ID belongs to another process or none
  if (!Number.isSafeInteger(pid) || pid <= 0) return "unknown"; // kill(0) would signal this process and its group
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return "dead";
  }
  const status = statusOf(pid);
  if (status === undefined) return "unknown";
  if (ENDED.includes(status.state)) return "dead";
  if (start === "") return "unknown";
  return status.start === start ? "alive" : "dead";
}

/** Returns the state and start time of a process; `undefined` if `/proc` is missing or cannot be read. */
function statusOf(pid: number | "self"): { state: string; start: string } | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // Field 2, the program's name, is in parentheses and may contain anything. Field 3 is the state, 22 the start time.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, start] = [fields?.[0], fields?.[19]];
  return state === undefined || start === undefined ? undefined : { state, start };
}

function read(path: string): string | undefined {
  return tell(() => fs.readFileSync(path, "latin1")); // a synchronous read of /proc does not touch a disk
}

function tell<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
