import { execFile } from "node:child_process";
import { chmodSync, mkdtempSync } from "node:fs";
import { chmod, mkdtemp, open, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

/**
 * The directory of a run, below which each contender has its own. They are removed together, when all is measured:
 * ext4 without a journal makes new files slowly for up to 35 s after others were removed.
 */
export function makeRunDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "scs-bench-"));
  chmodSync(directory, 0o755); // PostgreSQL is another user's process, if this one is root's
  return directory;
}

/** Makes a directory for the files of one contender. */
export async function makeDirectory(run: string): Promise<string> {
  const directory = await mkdtemp(join(run, "contender-"));
  await chmod(directory, 0o755);
  return directory;
}

export function remove(directory: string): Promise<void> {
  return rm(directory, { recursive: true, force: true, maxRetries: 5 });
}

async function filesIn(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  return entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
}

/** How many bytes of disk the files of a directory take. */
export async function bytesOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const path of await filesIn(directory)) bytes += (await stat(path)).blocks * 512;
  return bytes;
}

/** Brings what was written to the files of a directory to the disk, so that no later flush has to. */
export async function flush(directory: string): Promise<void> {
  // A million files one by one would take a quarter of an hour.
  if (process.platform !== "win32") return void (await promisify(execFile)("sync"));
  for (const path of await filesIn(directory)) {
    const file = await open(path, "r+");
    await file.sync();
    await file.close();
  }
}
