import { hostname } from "node:os";
import { identifyProcess, judgeProcess, type Verdict } from "@scs/core/kit";

/** The process that created a lock file. Unknown parts are empty. */
export interface Holder {
  pid: number;
  started: string;
  boot: string;
  host: string;
  /** Namespace of the process ID; a container has its own. Missing in files of older versions. */
  namespace?: string;
  isOwner: boolean;
}

export function describeSelf(isOwner: boolean): Required<Holder> {
  const { pid, start, boot, namespace } = identifyProcess();
  return {
    pid,
    started: start,
    boot,
    host: hostname(),
    namespace: namespace && `pid:[${namespace}]`,
    isOwner,
  };
}

/** Determines whether a holder is alive, as seen from a process of this system. Returns `dead` only when that is certain. */
export function judge(
  { pid, started, boot, host, namespace }: Holder,
  own: Pick<Required<Holder>, "boot" | "host" | "namespace"> = describeSelf(false),
): Verdict {
  if (host !== own.host) return "alive"; // a process of another machine cannot be examined from here
  return judgeProcess({ pid, start: started, boot, namespace: namespace ?? own.namespace }, own);
}
