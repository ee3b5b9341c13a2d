/** Runs `work` for each key at most once at a time. Requests during one run share the next. */
export class SharedTurns {
  readonly #running: Map<string, Promise<void>> = new Map();
  readonly #waiting: Map<string, Promise<void>> = new Map();

  /** `work` must not reject. */
  run(key: string, work: () => Promise<void>): Promise<void> {
    const waiting = this.#waiting.get(key);
    if (waiting !== undefined) return waiting;
    const running = this.#running.get(key);
    if (running === undefined) return this.#start(key, work);
    const next = running.then(() => {
      this.#waiting.delete(key);
      return this.#start(key, work);
    });
    this.#waiting.set(key, next);
    return next;
  }

  #start(key: string, work: () => Promise<void>): Promise<void> {
    const run = work().then(() => void this.#running.delete(key));
    this.#running.set(key, run);
    return run;
  }
}
