/** Coordinates work on the log with the calls that write to it. */
export interface Commit {
  /** Runs work on the log while no batch is in flight, after all changes so far are in the log. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** Reads the sessions after the calls so far, without changes that may still be undone. */
  whenFlushed<T>(read: () => T): Promise<T>;
  /** Writes the changes so far. Nothing is written afterwards. */
  close(): Promise<void>;
  /** Number of batches undone. */
  readonly undone: number;
}

/** Runs one task at a time, in the order of the calls. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
