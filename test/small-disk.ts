import { execFile } from "node:child_process";
import { mkdtemp, rmdir } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

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
