import { readFileSync, readlinkSync } from "node:fs";
import { hostname } from "node:os";

/** Who has made a lock file. What the system does not tell is empty. */
export interface Holder {
  pid: number;
  started: string;
  boot: string;
  host: string;
  /** In which process IDs have a meaning; a container has its own. Files that older versions have made lack it. */
  namespace?: string;
  isOwner: boolean;
}

/** Whether the process behind a lock file may still be there. `unknown`: that cannot be seen from here. */
export type Verdict = "alive" | "dead" | "unknown";

export function describeSelf(isOwner: boolean): Required<Holder> {
  const { pid } = process;
  const boot = read(() => readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim());
  const namespace = read(() => readlinkSync("/proc/self/ns/pid"));
  return {
    pid,
    started: startOf(pid) ?? "",
    boot: boot ?? "",
    host: hostname(),
    namespace: namespace ?? "",
    isOwner,
  };
}

/** Judges for a process of this system, by default this one. `dead` is only said when it is certain. */
export function judge(
  { pid, started, boot, host, namespace }: Holder,
  own: Pick<Required<Holder>, "boot" | "host" | "namespace"> = describeSelf(false),
): Verdict {
  if (host !== own.host) return "alive"; // of another machine, nothing will ever be known here
  if (boot !== own.boot) return boot === "" || own.boot === "" ? "unknown" : "dead";
  if (namespace !== undefined && namespace !== own.namespace) return "unknown"; // here, its ID is another's, or nobody's
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return "dead";
  }
  return started === "" || startOf(pid) === started ? "alive" : "dead"; // another may have got the number since
}

/** When a process was started, in a unit of the system's; `undefined` if there is none, or none that is not dead. */
function startOf(pid: number): string | undefined {
  const fields = read(() => readFileSync(`/proc/${pid}/stat`, "latin1").split(") ").at(-1)?.split(" "));
  return fields?.[0] === "Z" || fields?.[0] === "X" ? undefined : fields?.[19];
}

/** What the system tells of itself, if it does. */
function read<T>(tell: () => T): T | undefined {
  try {
    return tell();
  } catch {
    return undefined;
  }
}
