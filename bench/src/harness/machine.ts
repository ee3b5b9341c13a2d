import { cpus, release, totalmem, type } from "node:os";

/** Describes the machine of a run in one line. */
export function describeMachine(): string {
  const all = cpus();
  const gibibytes = Math.round(totalmem() / 2 ** 30);
  return `${all[0]?.model.trim() ?? "unknown"}, ${all.length} cores, ${gibibytes} GiB; ${type()} ${release()}`;
}
