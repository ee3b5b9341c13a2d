/** A clock that only moves on request, so that no check sleeps. */
export class Clock {
  #ms: number = Date.UTC(2031, 4, 17, 8, 30, 0, 123);

  /** The store's `now` option: ms since the epoch. */
  readonly now = (): number => this.#ms;

  /** Returns the instant `ms` from now; negative for the past. */
  in(ms: number): Date {
    return new Date(this.#ms + ms);
  }

  /** Moves the clock forward by `ms`. */
  advance(ms: number): void {
    this.#ms += ms;
  }
}
