import { randomBytes } from "node:crypto";
import { readFileSync, readlinkSync } from "node:fs";
import { codeOf } from "./file-error.js";

/** Whether the process behind an identity has ended. `unknown`: this system, or this container, cannot tell. */
export type Verdict = "alive" | "dead" | "unknown";

const IDENTITY = /^(\d+)-(\d+)-(\d+)-([0-9a-f]+)-[0-9a-f]{16}$/;
const ENDED = ["Z", "X"];

/** What files in the directory show of an identity: it begins each name. */
const IN_NAME = /^(\d+-\d+-\d+-[0-9a-f]+-[0-9a-f]{16})[.-]/;

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "latin1"); // of /proc: memory of the system, no disk
  } catch {
    return undefined;
  }
}

/** Of a process its state, and when it was started, in ticks since the system was; where there is a /proc. */
function statusOf(pid: number | "self"): { state: string; start: string } | undefined {
  const stat = read(`/proc/${pid}/stat`);
  // Field 2, the name of the program, is in parentheses and may hold anything; 3 is the state, 22 the start.
  const fields = stat?.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, start] = [fields?.[0], fields?.[19]];
  return state === undefined || start === undefined ? undefined : { state, start };
}

function pidNamespace(): string {
  try {
    return /\d+/.exec(readlinkSync("/proc/self/ns/pid"))?.[0] ?? "0";
  } catch {
    return "0";
  }
}

const own: { start: string; namespace: string; boot: string } = {
  start: statusOf("self")?.start ?? "0",
  namespace: pidNamespace(),
  boot: read("/proc/sys/kernel/random/boot_id")?.trim().replaceAll("-", "") || "0",
};

/**
 * Makes the identity of one store in this process: process ID, start of the process, the space of process IDs that
 * it belongs to (a container has its own), start of the system, and a random number. What the system does not tell
 * is 0. No identity occurs twice.
 */
export function createIdentity(): string {
  const { start, namespace, boot } = own;
  return `${process.pid}-${start}-${namespace}-${boot}-${randomBytes(8).toString("hex")}`;
}

/** The identity that the name of a file begins with. */
export const identityIn = (name: string): string | undefined => IN_NAME.exec(name)?.[1];

/** Says whether the process behind an identity has ended. `dead` is for ever, and only said when it is certain. */
export function judge(identity: string): Verdict {
  const [, pid, start, namespace, boot] = IDENTITY.exec(identity) ?? [];
  if (pid === undefined) return "unknown";
  if (boot !== own.boot && boot !== "0" && own.boot !== "0") return "dead"; // before the system was started
  if (boot !== own.boot || namespace !== own.namespace) return "unknown";
  try {
    process.kill(Number(pid), 0);
  } catch (error) {
    if (codeOf(error) === "ESRCH") return "dead";
  }
  const status = statusOf(Number(pid));
  if (status === undefined || start === "0") return "unknown";
  return ENDED.includes(status.state) || status.start !== start ? "dead" : "alive";
}
