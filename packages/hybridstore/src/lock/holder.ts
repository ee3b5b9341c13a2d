import { hostname } from "node:os";
import { identifyProcess, judgeProcess, type Verdict } from "@scs/core/kit";

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

/** Judges for a process of this system, by default this one. `dead` is only said when it is certain. */
export function judge(
  { pid, started, boot, host, namespace }: Holder,
  own: Pick<Required<Holder>, "boot" | "host" | "namespace"> = describeSelf(false),
): Verdict {
  if (host !== own.host) return "alive"; // of another machine, nothing will ever be known here
  return judgeProcess({ pid, start: started, boot, namespace: namespace ?? own.namespace }, own);
}
