/** How work on the log takes turns with the calls that write to it. */
export interface Commit {
  /** Does something to the log while no call is under way, and all that was decided before is in the log. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** Reads the sessions as the calls so far have left them, without what may yet be refused. */
  whenFlushed<T>(read: () => T): Promise<T>;
  /** Writes what has been decided, and ends. Nothing is written after it. */
  close(): Promise<void>;
  /** How many times what was decided had to be undone. */
  readonly undone: number;
}

/** Lets one at a time work, in the order asked for. */
export class Turns {
  #last: Promise<unknown> = Promise.resolve();

  run<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => undefined);
    return done;
  }
}
