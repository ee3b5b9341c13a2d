import { statSync } from "node:fs";
import { resolve } from "node:path";
import { performance } from "node:perf_hooks";
import type { StoreError } from "../store-error.js";

const LATELY_MS = 1;

/**
 * Checks that the files of an open database are in place. A database continues to write to a file that was removed or
 * replaced, which no other process can open: such a write must not count as one.
 */
export class OpenFiles {
  readonly #inodes: ReadonlyMap<string, number>;
  readonly #lostError: () => StoreError;
  #areLost = false;
  #checkedAt: number = Number.NEGATIVE_INFINITY;

  /** @param paths Paths of the files, which are open. A path without a file is ignored. */
  constructor(paths: readonly string[], lostError: () => StoreError) {
    this.#lostError = lostError;
    const inodes = new Map<string, number>();
    for (const path of paths) {
      const absolute = resolve(path); // the app may change its working directory
      const inode = inodeOf(absolute);
      if (typeof inode === "number") inodes.set(absolute, inode);
    }
    this.#inodes = inodes;
  }

  /** @throws StoreError If an earlier check has found the files lost. Makes no system call. */
  assertNotLost(): void {
    if (this.#areLost) throw this.#lostError();
  }

  /**
   * Checks whether the paths still lead to the opened files: a system call for each, of some microseconds.
   *
   * @throws StoreError If not, from now on.
   */
  assertPresent(): void {
    this.#checkedAt = performance.now();
    for (const [path, inode] of this.#inodes) {
      const current = inodeOf(path);
      if (current !== inode && current !== "unknown") this.#areLost = true;
    }
    this.assertNotLost();
  }

  /** Checks as {@link assertPresent} does, unless it has within the last millisecond: creating a database takes longer. */
  assertPresentLately(): void {
    if (performance.now() - this.#checkedAt > LATELY_MS) this.assertPresent();
    else this.assertNotLost();
  }
}

/** Returns the inode number of a file; `undefined` if there is none, `"unknown"` if the path cannot be examined. */
function inodeOf(path: string): number | undefined | "unknown" {
  try {
    return statSync(path, { throwIfNoEntry: false })?.ino;
  } catch {
    return "unknown";
  }
}
