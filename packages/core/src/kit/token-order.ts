import type { PendingCall } from "./pending-call.js";

/** Minimum number of deletions between two renewals of a map. */
const MIN_DELETIONS = 512;

/** What keeps the order of the calls for one token. */
export interface TokenOrder {
  /** Whether a call of this token is in the queue, or under way. */
  has(token: string): boolean;
  /** Enters a call. Returns whether it may be taken at once. */
  add(call: PendingCall): boolean;
  /** Removes a call. Returns the call that may be taken now that this one is gone. */
  remove(call: PendingCall): PendingCall | undefined;
}

/**
 * A map that is filled and emptied without end. V8 rebuilds it again and again, and each table that it leaves behind
 * refers to the next: once one of them is old, all calls that came after it survive until the next full collection
 * (measured: pauses of 4 to 10 ms every 2,500 calls). A new map now and then breaks the chain.
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

/** Lets one call of a token into a batch; the next follows when it has been answered. */
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
    // Finds that follow each other, and have not been sent, are one.
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

/** Calls wait for as long as each other: those that have run out of time are the next behind the first. */
function unlinkUnwanted(first: PendingCall): void {
  while (first.next !== undefined && !first.next.isWanted) first.next = first.next.next;
  if (first.next === undefined) first.last = first;
}

/** Lets all calls of a token into a batch, which carries them out in their order. */
export class InSequence implements TokenOrder {
  /** By token, how many calls there are, which all of them share. */
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
