import type { Call, Kind } from "./call.js";
import type { Connection, Connections } from "./connection/connections.js";

/** Carries out calls of one kind and of different tokens, and answers each of them. Never rejects. */
export interface Batches {
  perform(connection: Connection, calls: readonly Call[]): Promise<void>;
  /** Answers calls that could not be sent. */
  fail(calls: readonly Call[], error: unknown): void;
  /** How many bytes a call of this kind takes that the call itself does not tell: what a find gives. */
  bytesOf(kind: Kind): number;
}

/** While the server works on one statement, the next is made up, or the last taken apart. */
const WORKERS = 3;
/** Fewer calls than these are not worth two statements. */
const MIN_SHARE = 16;
/** Bounds how long a statement takes, and how many rows it locks. */
const MAX_ROWS = 128;
/** Bounds what a statement takes of memory. A record that is larger goes alone. */
const MAX_BYTES: number = 2 ** 20;

/**
 * Calls that need not wait for each other, on their way to the database by three connections at most: whichever is free
 * takes what has arrived in the meantime. A call that finds a connection free is sent at once.
 */
export class Lane {
  readonly #connections: Connections;
  readonly #batches: Batches;
  readonly #onAnswered: (call: Call) => void;
  readonly #ready: Map<Kind, Call[]>;
  #count = 0;
  #acquiring = 0;
  #performing = 0;
  /** How many connections it has been given. */
  #given = 0;

  constructor(
    kinds: readonly Kind[],
    connections: Connections,
    batches: Batches,
    onAnswered: (call: Call) => void,
  ) {
    this.#ready = new Map(kinds.map((kind) => [kind, []]));
    this.#connections = connections;
    this.#batches = batches;
    this.#onAnswered = onAnswered;
  }

  push(call: Call): void {
    this.#ready.get(call.kind)?.push(call);
    this.#count++;
    this.#pump();
  }

  #pump(): void {
    while (this.#count > this.#acquiring * MIN_SHARE && this.#acquiring + this.#performing < WORKERS) {
      void this.#work();
    }
  }

  async #work(): Promise<void> {
    this.#acquiring++;
    const givenBefore = this.#given;
    let connection: Connection;
    try {
      connection = await this.#connections.acquire();
      this.#given++;
    } catch (error) {
      this.#acquiring--;
      if (this.#acquiring + this.#performing > 0) return;
      // A server that takes no further connection still serves those it has.
      if (this.#given > givenBefore) this.#pump();
      else this.#failAll(error);
      return;
    }
    const calls = this.#take(); // all that has arrived by now
    this.#acquiring--;
    if (calls.length > 0) {
      this.#performing++;
      await this.#batches.perform(connection, calls);
      this.#performing--;
    }
    this.#connections.release(connection);
    for (const call of calls) this.#onAnswered(call);
    this.#pump();
  }

  /** Takes calls of the kind that has waited for the longest: this worker's share, within the bounds of a batch. */
  #take(): Call[] {
    let queue: Call[] = [];
    for (const other of this.#ready.values()) {
      if (other[0] !== undefined && !(other[0].deadline >= (queue[0]?.deadline ?? Number.POSITIVE_INFINITY)))
        queue = other;
    }
    const share = Math.max(MIN_SHARE, Math.ceil(queue.length / this.#acquiring));
    const most = Math.min(MAX_ROWS, share, queue.length);
    let count = 0;
    for (let bytes = 0; count < most; count++) {
      const call = queue[count] as Call;
      bytes += call.bytes + this.#batches.bytesOf(call.kind);
      if (bytes > MAX_BYTES && count > 0) break;
    }
    const calls = queue.splice(0, count);
    this.#count -= count;
    for (const call of calls) call.isSent = true;
    return calls;
  }

  #failAll(error: unknown): void {
    const calls = [...this.#ready.values()].flatMap((queue) => queue.splice(0));
    this.#count = 0;
    this.#batches.fail(calls, error);
    for (const call of calls) this.#onAnswered(call);
  }
}
