import { setImmediate } from "node:timers"; // not the global one: tests that stop the clock must not stop a call

/**
 * Lets one large batch go out in each turn of the event loop. A server answers what reaches it together when it has
 * carried out all of it: two batches of one turn would then come back together, and go out together for ever, so that
 * server and client wait for each other. A turn apart, one of them works on a batch while the other works on the next.
 */
export class OneATurn {
  readonly #minCalls: number;
  #isTaken = false;
  readonly #release = (): void => {
    this.#isTaken = false;
  };

  /** @param minCalls A smaller batch costs the server less than a turn. */
  constructor(minCalls: number) {
    this.#minCalls = minCalls;
  }

  /** Resolves in a turn in which no large batch goes out yet; without a promise if that is now. */
  free(): Promise<void> | undefined {
    return this.#isTaken ? new Promise((resolve) => setImmediate(resolve)) : undefined;
  }

  /** Called when a batch goes out. */
  take(calls: number): void {
    if (calls < this.#minCalls || this.#isTaken) return;
    this.#isTaken = true;
    setImmediate(this.#release);
  }
}
