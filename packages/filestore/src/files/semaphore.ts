/** Limits the number of concurrent tasks. Others wait in the order of their arrival. */
export class Semaphore {
  #free: number;
  readonly #waiting: (() => void)[] = [];
  #next = 0;

  constructor(count: number) {
    this.#free = count;
  }

  /** Takes a slot. Returns `undefined` if one is free, so that a lone call need not wait. */
  take(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  give(): void {
    const next = this.#waiting[this.#next];
    if (next === undefined) {
      this.#free++;
      return;
    }
    next();
    // Shifting each would move all others.
    if (++this.#next === this.#waiting.length || this.#next === 1024) {
      this.#waiting.splice(0, this.#next);
      this.#next = 0;
    }
  }
}
