import { randomBytes } from "node:crypto";
import { identifyProcess, judgeProcess, type Verdict } from "@scs/core/kit";

const IDENTITY = /^(\d+)-(\d+)-(\d+)-([0-9a-f]+)-[0-9a-f]{16}$/;

/** What files in the directory show of an identity: it begins each name. */
const IN_NAME = /^(\d+-\d+-\d+-[0-9a-f]+-[0-9a-f]{16})[.-]/;

/**
 * Makes the identity of one store in this process: process ID, start of the process, the space of process IDs that
 * it belongs to (a container has its own), start of the system, and a random number. What the system does not tell
 * is 0. No identity occurs twice.
 */
export function createIdentity(): string {
  const { pid, start, namespace, boot } = identifyProcess();
  return `${pid}-${start || "0"}-${namespace || "0"}-${compact(boot)}-${randomBytes(8).toString("hex")}`;
}

/** The identity that the name of a file begins with. */
export const identityIn = (name: string): string | undefined => IN_NAME.exec(name)?.[1];

/** Says whether the process behind an identity has ended. */
export function judge(identity: string): Verdict {
  const [, pid, start = "", namespace = "", boot = ""] = IDENTITY.exec(identity) ?? [];
  if (pid === undefined) return "unknown";
  const own = identifyProcess();
  const observer = { namespace: own.namespace || "0", boot: own.boot === "" ? "" : compact(own.boot) };
  return judgeProcess(
    { pid: Number(pid), start: start === "0" ? "" : start, namespace, boot: boot === "0" ? "" : boot },
    observer,
  );
}

const compact = (boot: string): string => boot.replaceAll("-", "") || "0";
