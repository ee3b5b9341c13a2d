/** Runs what is asked for under one name one after the other, in the order asked for. */
export class TokenQueue {
  readonly #last: Map<string, Promise<unknown>> = new Map();

  run<T>(name: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(name);
    const result = before === undefined ? work() : before.then(work);
    const settled: Promise<unknown> = result.then(done, done);
    this.#last.set(name, settled);
    const queue = this.#last;
    function done(): void {
      if (queue.get(name) === settled) queue.delete(name);
    }
    return result;
  }

  /** Whether anything of this name is under way. */
  isBusy(name: string): boolean {
    return this.#last.has(name);
  }

  /** Resolves when all that was asked for until now is done. */
  async settle(): Promise<void> {
    await Promise.all(this.#last.values());
  }

  /** Resolves when nothing is under way. */
  async idle(): Promise<void> {
    while (this.#last.size > 0) await Promise.all(this.#last.values());
  }
}
