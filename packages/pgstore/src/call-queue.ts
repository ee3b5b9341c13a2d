import { Call, type Content, type Kind } from "./call.js";
import { CallsInFlight } from "./calls-in-flight.js";
import type { Connections } from "./connection/connections.js";
import { Timeout } from "./connection/driver-error.js";
import { type Batches, Lane } from "./lane.js";

/**
 * Sends together what is in flight together: what arrives while statements are under way goes out with the next.
 * Calls for one token take effect in the order made: the next is sent when the one before it has been answered.
 */
export class CallQueue {
  readonly #batches: Batches;
  readonly #timeoutMs: number;
  readonly #last: CallsInFlight = new CallsInFlight();
  /** Apart, so that no find waits for a write to be flushed. */
  readonly #reads: Lane;
  readonly #writes: Lane;

  constructor(connections: Connections, batches: Batches, timeoutMs: number) {
    this.#batches = batches;
    this.#timeoutMs = timeoutMs;
    const onAnswered = (call: Call): void => this.#onAnswered(call);
    this.#reads = new Lane(["find"], connections, batches, onAnswered);
    this.#writes = new Lane(
      ["commit", "insert", "update", "touch", "delete"],
      connections,
      batches,
      onAnswered,
    );
  }

  call<T>(kind: Kind, token: string, content: Content): Promise<T> {
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#timeoutMs;
      const call = new Call([kind, token, content], deadline, resolve as (result: unknown) => void, reject);
      const before = this.#last.get(token);
      if (before !== undefined && kind === "find" && before.kind === "find" && !before.isSent) {
        before.addTwin(call);
        return;
      }
      this.#last.set(token, call);
      if (before === undefined) this.#lane(call).push(call);
      else before.next = call;
    });
  }

  /** Resolves when all calls made so far have been answered. */
  async answered(): Promise<void> {
    const calls = this.#last.all();
    await Promise.all(
      calls.map(
        (call) =>
          new Promise<void>((resolve) => {
            call.observers = [...(call.observers ?? []), resolve];
          }),
      ),
    );
  }

  #lane({ kind }: Call): Lane {
    return kind === "find" ? this.#reads : this.#writes;
  }

  #onAnswered(call: Call): void {
    for (const observer of call.observers ?? []) observer();
    const { next, token } = call;
    if (next === undefined) this.#last.delete(token);
    else if (next.deadline > performance.now()) this.#lane(next).push(next);
    else {
      this.#batches.fail([next], new Timeout("calls for the same session made before took too long"));
      this.#onAnswered(next);
    }
  }
}
