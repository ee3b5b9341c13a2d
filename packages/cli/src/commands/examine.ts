import { examine } from "../doctor/doctor.js";
import { CommandError, ExitCode } from "../exit-code.js";
import { type Output, table } from "../output.js";
import type { Target } from "../stores/target.js";

const SIGNS = { ok: "ok", warning: "warning", problem: "PROBLEM" } as const;

/** Checks a store, and prints the findings. */
export async function doctor(target: Target, output: Output): Promise<void> {
  const findings = await examine(target);
  const problems = findings.filter(({ status }) => status === "problem").length;
  await output.result({ store: target.name, isSound: problems === 0, findings }, () => {
    const rows = findings.map(({ point, status, detail }) => [SIGNS[status], point, detail]);
    return `${target.name}\n${table(["", "point", "finding"], rows)}`;
  });
  if (problems > 0) throw new CommandError(`${problems} problem(s) found`, ExitCode.notSound);
}
