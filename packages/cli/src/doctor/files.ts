import { stat, statfs } from "node:fs/promises";
import type { StoreKind } from "../stores/target.js";
import { type Finding, ok, problem, warning } from "./finding.js";

/** File systems in memory: `tmpfs` and `ramfs` (statfs(2) of Linux). */
const IN_MEMORY: readonly number[] = [0x01021994, 0x858458f6];
/** Share of a file system that should be free. */
const FREE_SHARE = 0.1;
/** Permission bits of everybody except the owner. */
const OTHERS = 0o077;

/** Checks the permissions of a store's file or directory, and its file system. */
export async function checkFiles(path: string, kind: StoreKind): Promise<Finding[]> {
  const [{ mode }, system] = [await stat(path), await statfs(path)];
  const findings: Finding[] = [];
  const isOpen = process.platform !== "win32" && (mode & OTHERS) !== 0;
  const octal = (mode & 0o777).toString(8);
  const isMadeByStore = kind !== "sqlite"; // SQLite's own files have the process's umask
  if (isOpen && isMadeByStore) {
    findings.push(problem("access", `other users can access ${path} (mode ${octal}): chmod go-rwx`));
  } else if (isOpen)
    findings.push(warning("access", `other users can read ${path} (mode ${octal}): chmod go-rwx`));
  else findings.push(ok("access", `the owner's alone (mode ${octal})`));
  if (IN_MEMORY.includes(system.type)) {
    findings.push(
      problem("disk", "the file system is in memory: a restart of the machine loses all sessions"),
    );
  } else if (system.bavail < system.blocks * FREE_SHARE) {
    const free = ((system.bavail / system.blocks) * 100).toFixed(0);
    findings.push(
      warning("disk", `only ${free} % of the disk is free: on a full disk no session can be saved`),
    );
  } else
    findings.push(ok("disk", `${((system.bavail / system.blocks) * 100).toFixed(0)} % of the disk is free`));
  return findings;
}
