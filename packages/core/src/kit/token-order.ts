import type { PendingCall } from "./pending-call.js";

/** Minimum number of deletions between two renewals of a map. */
const MIN_DELETIONS = 512;

/** Keeps the order of the calls for one token. */
export interface TokenOrder {
  /** Returns whether a call of this token waits or is in flight. */
  has(token: string): boolean;
  /** Enters a call. Returns whether a batch may take it at once. */
  add(call: PendingCall): boolean;
  /** Removes a call. Returns the call that a batch may take next. */
  remove(call: PendingCall): PendingCall | undefined;
}

/**
 * A map for entries that come and go. V8 rebuilds the table of such a map now and then, and each old table refers to
 * the next: once one of them is in the old generation, all later calls survive until a full collection (measured: pauses
 * of 4 to 10 ms every 2,500 calls). Replacing the map breaks the chain.
 */
class TransientMap<T> {
  #map: Map<string, T> = new Map();
  #deletions = 0;

  has(token: string): boolean {
    return this.#map.has(token);
  }

  get(token: string): T | undefined {
    return this.#map.get(token);
  }

  set(token: string, value: T): void {
    this.#map.set(token, value);
  }

  delete(token: string): void {
    this.#map.delete(token);
    if (++this.#deletions < MIN_DELETIONS || this.#deletions < this.#map.size) return;
    this.#deletions = 0;
    this.#map = new Map(this.#map);
  }
}

/** Allows one call of a token at a time; the next follows when the one before has its answer. */
export class OneAtATime implements TokenOrder {
  readonly #first: TransientMap<PendingCall> = new TransientMap();

  has(token: string): boolean {
    return this.#first.has(token);
  }

  add(call: PendingCall): boolean {
    const first = this.#first.get(call.token);
    if (first === undefined) {
      call.isFirst = true;
      this.#first.set(call.token, call);
      return true;
    }
    const { last } = first;
    // Consecutive finds that are in no batch yet are executed as one.
    if (call.kind === "find" && last.kind === "find" && !last.isTaken) {
      last.twins ??= [];
      last.twins.push(call);
      call.twinOf = last;
    } else {
      last.next = call;
      first.last = call;
    }
    return false;
  }

  remove(call: PendingCall): PendingCall | undefined {
    if (!call.isFirst) {
      const first = this.#first.get(call.token);
      if (first !== undefined) unlinkUnwanted(first);
      return undefined;
    }
    unlinkUnwanted(call);
    const { next } = call;
    if (next === undefined) {
      this.#first.delete(call.token);
      return undefined;
    }
    next.isFirst = true;
    next.last = call.last;
    this.#first.set(call.token, next);
    call.next = undefined; // an old call must not keep the later ones alive
    call.last = call;
    return next;
  }
}

/** Unlinks the calls that have run out of time. All calls have the same timeout, so they directly follow the first. */
function unlinkUnwanted(first: PendingCall): void {
  while (first.next !== undefined && !first.next.isWanted) first.next = first.next.next;
  if (first.next === undefined) first.last = first;
}

/** Allows all calls of a token in one batch, which executes them in order. */
export class InSequence implements TokenOrder {
  /** Number of calls by token, shared by these calls. */
  readonly #counts: TransientMap<{ calls: number }> = new TransientMap();

  has(token: string): boolean {
    return this.#counts.has(token);
  }

  add(call: PendingCall): boolean {
    let count = this.#counts.get(call.token);
    if (count === undefined) {
      count = { calls: 0 };
      this.#counts.set(call.token, count);
    }
    count.calls++;
    call.count = count;
    return true;
  }

  remove({ token, count }: PendingCall): undefined {
    if (count !== undefined && --count.calls === 0) this.#counts.delete(token);
  }
}
