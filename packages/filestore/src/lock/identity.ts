import { randomBytes } from "node:crypto";
import { identifyProcess, judgeProcess, type Verdict } from "@scs/core/kit";

const IDENTITY = /^(\d+)-(\d+)-(\d+)-([0-9a-f]+)-[0-9a-f]{16}$/;

/** Pattern of an identity at the start of a file name. */
const IN_NAME = /^(\d+-\d+-\d+-[0-9a-f]+-[0-9a-f]{16})[.-]/;

/**
 * Creates a unique identity for one store of this process: process ID, start time of the process, namespace of process IDs
 * (a container has its own), ID of the boot, and a random number. Unknown parts are 0.
 */
export function createIdentity(): string {
  const { pid, start, namespace, boot } = identifyProcess();
  return `${pid}-${start || "0"}-${namespace || "0"}-${compact(boot)}-${randomBytes(8).toString("hex")}`;
}

/** Returns the identity at the start of a file name. */
export const identityIn = (name: string): string | undefined => IN_NAME.exec(name)?.[1];

/** Returns whether the process of an identity has ended. */
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
