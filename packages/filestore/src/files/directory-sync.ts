import fs from "node:fs";
import { call, closeFile } from "./file-calls.js";
import type { Semaphore } from "./semaphore.js";

interface Syncing {
  running: Promise<void>;
  next: Promise<void> | undefined;
}

/** Syncs directories. Requests that arrive during a sync of the same directory share the next one. */
export class DirectorySync {
  readonly #semaphore: Semaphore;
  readonly #syncing: Map<string, Syncing> = new Map();

  constructor(semaphore: Semaphore) {
    this.#semaphore = semaphore;
  }

  /** Resolves when all earlier changes of names in the directory are on disk. */
  async sync(directory: string): Promise<void> {
    const syncing = this.#syncing.get(directory);
    if (syncing === undefined) return this.#begin(directory);
    const begin = (): Promise<void> => this.#begin(directory);
    // The sync in flight may have begun too early; its failure concerns its own callers.
    syncing.next ??= syncing.running.then(begin, begin);
    return syncing.next;
  }

  #begin(directory: string): Promise<void> {
    const running = this.#run(directory).finally(() => {
      if (this.#syncing.get(directory) === syncing) this.#syncing.delete(directory);
    });
    const syncing: Syncing = { running, next: undefined };
    this.#syncing.set(directory, syncing);
    return running;
  }

  async #run(path: string): Promise<void> {
    if (process.platform === "win32") return; // directories cannot be opened there
    await this.#semaphore.take();
    try {
      const directory = await call<number>((done) => fs.open(path, "r", done));
      try {
        await call((done) => fs.fsync(directory, (error) => done(error)));
      } finally {
        await closeFile(directory).catch(() => undefined); // synced already: a failure to close loses nothing
      }
    } finally {
      this.#semaphore.give();
    }
  }
}
