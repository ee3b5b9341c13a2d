import { mkdtemp, open, readdir, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a directory for the files of one contender. */
export function makeDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), "scs-bench-"));
}

export function remove(directory: string): Promise<void> {
  return rm(directory, { recursive: true, maxRetries: 5 });
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
  for (const path of await filesIn(directory)) {
    const file = await open(path, "r+");
    await file.sync();
    await file.close();
  }
}
