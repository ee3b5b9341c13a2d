/** A clock that stands still until it is moved, so that a check never sleeps. */
export class Clock {
  #ms: number = Date.UTC(2031, 4, 17, 8, 30, 0, 123);

  /** The store's `now` option: ms since the epoch. */
  readonly now = (): number => this.#ms;

  /** The instant `ms` from now; negative for the past. */
  in(ms: number): Date {
    return new Date(this.#ms + ms);
  }

  /** Moves the clock forward by `ms`. */
  advance(ms: number): void {
    this.#ms += ms;
  }
}
