import { readFileSync } from "node:fs";
import { cpus, release, tmpdir, totalmem, type } from "node:os";
import { resolve, sep } from "node:path";

/** Where it was measured. */
export interface Machine {
  cpu: string;
  cores: number;
  memoryGiB: number;
  kernel: string;
  /** Of the directory in which the files of the contenders are; with its options, where the system tells. */
  fileSystem: string;
}

export function describeMachine(directory: string = tmpdir()): Machine {
  const all = cpus();
  return {
    cpu: all[0]?.model.trim() ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    kernel: `${type()} ${release()}`,
    fileSystem: fileSystemOf(directory),
  };
}

function fileSystemOf(directory: string): string {
  if (process.platform !== "linux") return process.platform;
  const path = `${resolve(directory)}${sep}`;
  // The last of the mounts that the path lies on is the one that is seen.
  const mounts = readFileSync("/proc/self/mounts", "utf8")
    .split("\n")
    .map((line) => line.split(" "))
    .filter(([, point = ""]) => point !== "" && path.startsWith(point === "/" ? "/" : `${point}/`))
    .sort(([, a = ""], [, b = ""]) => a.length - b.length);
  const [, , name = "unknown", options = ""] = mounts.at(-1) ?? [];
  return `${name} (${options})`;
}
