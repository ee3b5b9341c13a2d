import fs from "node:fs";

/**
 * What tells a process from every other: its ID may be given to another one. What the system does not tell is empty.
 */
export interface ProcessIdentity {
  readonly pid: number;
  /** When it was started, in ticks since the system was. Linux only. */
  readonly start: string;
  /** Where its ID has a meaning: a container has a space of IDs of its own. Linux only. */
  readonly namespace: string;
  /** Which start of the system it belongs to. Linux only. */
  readonly boot: string;
}

/** Whether a process has ended. `unknown`: this system, or this container, cannot tell. */
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
 * Tells whether a process of this machine has ended. `dead` is for ever, and only said when it is certain: where
 * `/proc/<pid>` cannot be read, or the start was not noted, another process may have got the ID, or not.
 *
 * @param observer The process that looks, for tests.
 */
export function judgeProcess(
  { pid, start, namespace, boot }: ProcessIdentity,
  observer: Omit<ProcessIdentity, "pid" | "start"> = identifyProcess(),
): Verdict {
  if (boot !== observer.boot) return boot === "" || observer.boot === "" ? "unknown" : "dead";
  if (namespace !== observer.namespace) return "unknown"; // here, its ID is another's, or nobody's
  if (!Number.isSafeInteger(pid) || pid <= 0) return "unknown"; // to signal 0 would mean this process, and its group
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

/** The state of a process, and when it was started; `undefined` where there is no /proc, or it may not be read. */
function statusOf(pid: number | "self"): { state: string; start: string } | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // Field 2, the name of the program, is in parentheses and may hold anything; 3 is the state, 22 the start.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, start] = [fields?.[0], fields?.[19]];
  return state === undefined || start === undefined ? undefined : { state, start };
}

function read(path: string): string | undefined {
  return tell(() => fs.readFileSync(path, "latin1")); // of /proc: memory of the system, no disk
}

function tell<T>(ask: () => T): T | undefined {
  try {
    return ask();
  } catch {
    return undefined;
  }
}
