import { statSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { StoreError } from "@scs/core";

const LATELY_MS = 1;

/**
 * The files of a database that is open. LMDB goes on writing to files that were removed or replaced: to a data file that
 * nobody finds any more, or, without the lock file of the others, at the same time as they do.
 */
export class OpenFiles {
  readonly #numbers: ReadonlyMap<string, number>;
  #areLost = false;
  #lookedAt: number = Number.NEGATIVE_INFINITY;

  /** @param path That of the database: a file, or the directory that has the files. */
  constructor(path: string) {
    const isDirectory = statSync(path, { throwIfNoEntry: false })?.isDirectory();
    const paths = isDirectory ? [join(path, "data.mdb"), join(path, "lock.mdb")] : [path, `${path}-lock`];
    const numbers = new Map<string, number>();
    for (const each of paths) {
      const number = fileNumber(each);
      if (number !== undefined) numbers.set(each, number); // a database may be open without a lock
    }
    this.#numbers = numbers;
  }

  /** @throws StoreError `UNAVAILABLE` if the files were seen to be lost. Asks nobody. */
  assertNotLost(): void {
    if (this.#areLost) {
      throw new StoreError(
        "UNAVAILABLE",
        "boltstore: the file, or its lock file, was removed or replaced; dispose of this store, and open it anew",
      );
    }
  }

  /**
   * Looks whether the files are those that were opened: calls of the system, of some microseconds.
   *
   * @throws StoreError `UNAVAILABLE` if they are not, now and ever after.
   */
  assertPresent(): void {
    this.#lookedAt = performance.now();
    for (const [path, number] of this.#numbers) if (fileNumber(path) !== number) this.#areLost = true;
    this.assertNotLost();
  }

  /** The same, unless it has looked within the last millisecond: nobody makes a database in less. */
  assertPresentLately(): void {
    if (performance.now() - this.#lookedAt > LATELY_MS) this.assertPresent();
    else this.assertNotLost();
  }
}

/** What a file has to itself in its file system, whatever its name; `undefined` if it is not there. */
const fileNumber = (path: string): number | undefined => statSync(path, { throwIfNoEntry: false })?.ino;
