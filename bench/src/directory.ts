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

/** How many bytes of disk the files of a directory take. */
export async function bytesOf(directory: string): Promise<number> {
  let bytes = 0;
  for (const name of await readdir(directory)) bytes += (await stat(join(directory, name))).blocks * 512;
  return bytes;
}

/** Brings what was written to the files of a directory to the disk, so that no later flush has to. */
export async function flush(directory: string): Promise<void> {
  for (const name of await readdir(directory)) {
    const file = await open(join(directory, name), "r+");
    await file.sync();
    await file.close();
  }
}
