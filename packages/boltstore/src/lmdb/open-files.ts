import { statSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { StoreError } from "@scs/core";

const LATELY_MS = 1;

/**
 * Checks that the files of an open database are in place. LMDB continues to write to files that were removed or replaced:
 * to a data file that no other process can open, or, without the common lock file, at the same time as other processes.
 */
export class OpenFiles {
  readonly #numbers: ReadonlyMap<string, number>;
  #areLost = false;
  #lookedAt: number = Number.NEGATIVE_INFINITY;

  /** @param path Path of the database: a file, or the directory of its files. */
  constructor(path: string) {
    const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory();
    const paths = isDirectory ? [join(path, "data.mdb"), join(path, "lock.mdb")] : [path, `${path}-lock`];
    const numbers = new Map<string, number>();
    for (const each of paths) {
      const number = fileNumber(each);
      if (number !== undefined) numbers.set(each, number); // a database may be open without a lock file
    }
    this.#numbers = numbers;
  }

  /** @throws StoreError `UNAVAILABLE` if an earlier check has found the files lost. Makes no system call. */
  assertNotLost(): void {
    if (this.#areLost) {
      throw new StoreError(
        "UNAVAILABLE",
        "boltstore: the file, or its lock file, was removed or replaced; dispose of this store, and open it anew",
      );
    }
  }

  /**
   * Checks whether the paths still lead to the opened files: two system calls, some microseconds.
   *
   * @throws StoreError `UNAVAILABLE` if not, from now on.
   */
  assertPresent(): void {
    this.#lookedAt = performance.now();
    for (const [path, number] of this.#numbers) if (fileNumber(path) !== number) this.#areLost = true;
    this.assertNotLost();
  }

  /** Checks as {@link assertPresent} does, unless it has within the last millisecond: creating a database takes longer. */
  assertPresentLately(): void {
    if (performance.now() - this.#lookedAt > LATELY_MS) this.assertPresent();
    else this.assertNotLost();
  }
}

/** Returns the inode number of a file; `undefined` if there is none. */
const fileNumber = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;
