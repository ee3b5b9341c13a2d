import { setImmediate } from "node:timers"; // not the global one, so that a test's fake timers do not stop a call

/**
 * Sends at most one large batch per turn of the event loop. A server answers commands that arrive together only when it
 * has executed all of them. So two batches of one turn would return together and, from then on, always go out together,
 * and client and server would wait for each other. A turn apart, each works on one batch while the other works on the next.
 */
export class OneATurn {
  readonly #minCalls: number;
  #isTaken = false;
  readonly #release = (): void => {
    this.#isTaken = false;
  };

  /** @param minCalls Minimum size of a large batch: a smaller one costs the server less than a turn. */
  constructor(minCalls: number) {
    this.#minCalls = minCalls;
  }

  /** Resolves in a turn without a large batch yet; returns `undefined` if this is one. */
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
