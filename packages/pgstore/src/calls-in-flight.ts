import type { Call } from "./call.js";

/** So many calls at least are answered by one map. */
const MIN_DELETIONS = 512;

/**
 * The last call of each token that has one under way.
 *
 * A map that is filled and emptied without end is rebuilt by V8 again and again, and each table that it leaves behind
 * refers to the next. Once one of them has survived long enough to be old, all the calls that came after it survive as
 * well, with what they were given and found, until the next full collection of garbage: pauses of 4 to 10 ms every
 * 2,500 finds were measured where there is now less than one. A new map now and then breaks the chain.
 */
export class CallsInFlight {
  #map: Map<string, Call> = new Map();
  #deletions = 0;

  get(token: string): Call | undefined {
    return this.#map.get(token);
  }

  set(token: string, call: Call): void {
    this.#map.set(token, call);
  }

  delete(token: string): void {
    this.#map.delete(token);
    if (++this.#deletions < MIN_DELETIONS || this.#deletions < this.#map.size) return;
    this.#deletions = 0;
    this.#map = new Map(this.#map);
  }

  all(): Call[] {
    return [...this.#map.values()];
  }
}
