import { chmodSync, mkdtempSync } from "node:fs";
import { chmod, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/**
 * Creates the directory of a run, which contains the contenders' directories. The caller removes it at the end of the run,
 * because for up to 35 s after files were removed, ext4 without a journal creates new files slowly.
 */
export function makeRunDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "scs-bench-"));
  chmodSync(directory, 0o755); // PostgreSQL runs as another user if this process is root's
  return directory;
}

/** Creates a directory for the files of one contender. */
export async function makeDirectory(run: string): Promise<string> {
  const directory = await mkdtemp(join(run, "contender-"));
  await chmod(directory, 0o755);
  return directory;
}

export function remove(directory: string): Promise<void> {
  return rm(directory, { recursive: true, force: true, maxRetries: 5 });
}
