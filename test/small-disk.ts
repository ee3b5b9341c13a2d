import { execFile } from "node:child_process";
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { onTestFinished } from "vitest";

const run = promisify(execFile);

export interface SmallDisk {
  /** An empty directory on the disk. */
  path: string;
  unmount(): Promise<void>;
}

/**
 * Mounts a tmpfs of this size, to test a full disk. Needs Linux and root; otherwise returns the reason as text.
 */
export async function mountSmallDisk(bytes: number): Promise<SmallDisk | string> {
  const path = await mkdtemp(join(tmpdir(), "scs-small-disk-"));
  try {
    await run("mount", ["-t", "tmpfs", "-o", `size=${bytes}`, "tmpfs", path]);
  } catch (error) {
    await rmdir(path);
    return `no small disk can be mounted here: ${(error as Error).message.trim()}`;
  }
  return {
    path,
    async unmount() {
      await run("umount", [path]);
      await rmdir(path);
    },
  };
}

/** Mounts a small disk for the current test. Returns its directory; where none can be mounted, says so, and skips the test. */
export async function smallDisk(bytes: number, context: { skip(note: string): never }): Promise<string> {
  const disk = await mountSmallDisk(bytes);
  if (typeof disk === "string") {
    console.log(`not tested: ${disk}`);
    return context.skip(disk);
  }
  onTestFinished(() => disk.unmount()); // fails while a file is open
  return disk.path;
}
