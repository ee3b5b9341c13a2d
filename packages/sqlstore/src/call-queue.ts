import { TimeSlice } from "@scs/core/kit";
import type { Parameter } from "./drivers/handle.js";

/** A call of the store's that concerns one token. */
export interface Call {
  kind: "find" | "commit" | "insert" | "update" | "delete";
  token: string;
  /** What its statement binds; the token comes first. */
  row: readonly Parameter[];
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/** Work that the calls made after it have to wait for: on many records, or on the table. */
export type Task = (meanwhile: () => Promise<void>) => Promise<void>;

/** Carries out calls that have no order among each other, and answers each of them. Never rejects. */
export interface Batches {
  find(calls: readonly Call[]): Promise<void>;
  /** While it waits for a lock, it calls `meanwhile`. */
  write(calls: readonly Call[], meanwhile: () => Promise<void>): Promise<void>;
}

/** Bounds the statements that are prepared, one for each count, and how long a batch takes. */
const MAX_CALLS = 128;
/** Bounds what a batch takes of memory, and what it adds to the log in one transaction. */
const MAX_BYTES = 4 * 2 ** 20;

/**
 * Sends together what is in flight together: one batch is under way at a time, and what arrives meanwhile forms the
 * next. Calls for one token take effect in the order made.
 */
export class CallQueue {
  readonly #batches: Batches;
  readonly #slice: TimeSlice = new TimeSlice();
  #waiting: (Call | Task)[] = [];
  #run: Promise<void> | undefined;

  constructor(batches: Batches) {
    this.#batches = batches;
  }

  add(callOrTask: Call | Task): void {
    this.#waiting.push(callOrTask);
    this.#run ??= this.#drain();
  }

  /** Resolves when all calls made so far have been answered. */
  async idle(): Promise<void> {
    await this.#run;
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      await microtasksDone(); // whoever was answered just now calls again in a moment
      if (typeof this.#waiting[0] === "function") {
        const task = this.#waiting.shift() as Task;
        await task(() => this.#find(new Set()));
      } else {
        const written = new Set<string>();
        const writes: Call[] = [];
        await this.#find(written, writes);
        if (writes.length > 0) await this.#batches.write(writes, () => this.#find(new Set(written)));
      }
      if (this.#slice.isOver) await this.#slice.next(); // a synchronous driver would leave the event loop no turn
    }
    this.#run = undefined;
  }

  /**
   * Takes the next calls that may go together, and carries out the finds among them: of each token the finds up to
   * its first write, and that write, if `writes` is there to put it in. `written` are tokens whose turn is over.
   */
  async #find(written: Set<string>, writes?: Call[]): Promise<void> {
    const finds: Call[] = [];
    const later: (Call | Task)[] = [];
    let bytes = 0;
    let next = 0;
    for (; next < this.#waiting.length && next < MAX_CALLS && bytes < MAX_BYTES; next++) {
      const call = this.#waiting[next] as Call | Task;
      if (typeof call === "function") break;
      if (written.has(call.token)) later.push(call);
      else if (call.kind === "find") finds.push(call);
      else {
        written.add(call.token);
        if (writes === undefined) later.push(call);
        else {
          writes.push(call);
          for (const value of call.row) if (value instanceof Uint8Array) bytes += value.length;
        }
      }
    }
    this.#waiting = later.concat(this.#waiting.slice(next));
    if (finds.length > 0) await this.#batches.find(finds);
  }
}

/** Resolves when every microtask that is queued, or will be by one of them, is done. Takes no turn of the event loop. */
function microtasksDone(): Promise<void> {
  return new Promise((resolve) => {
    queueMicrotask(() => process.nextTick(resolve));
  });
}
