import type { SessionEntry, SessionRecord } from "@scs/core";
import type { Answer, Backend, Call } from "@scs/core/kit";

interface Item {
  data: Uint8Array;
  expiry: number;
}

/** Keeps sessions in a `Map`: replace it by your backend. */
export class MapBackend implements Backend {
  readonly #items: Map<string, Item> = new Map();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  findNow(token: string): SessionRecord | undefined {
    return this.#read(token);
  }

  /** Executes a call synchronously. An asynchronous backend has only `execute`, which returns a promise. */
  executeNow(call: Call): Answer {
    const { token } = call;
    switch (call.kind) {
      case "find":
        return this.#read(token);
      case "commit":
        return this.#write(token, call.data, call.expiry);
      case "delete":
        this.#items.delete(token);
        return undefined;
      case "replace":
        if (!isSame(this.#read(token)?.data, call.previous)) return false;
        this.#write(token, call.data, call.expiry);
        return true;
      case "touch": {
        const record = this.#read(token);
        if (record === undefined) return false;
        this.#write(token, record.data, call.expiry);
        return true;
      }
    }
  }

  *pages(): Generator<Iterable<SessionEntry>, void> {
    for (const token of this.#items.keys()) {
      const record = this.#read(token);
      if (record !== undefined) yield [{ token, ...record }];
    }
  }

  *removeExpired(): Generator<number, void> {
    for (const [token, { expiry }] of this.#items) {
      if (expiry > this.#now()) continue;
      this.#items.delete(token);
      yield 1;
    }
  }

  close(): void {
    this.#items.clear();
  }

  #read(token: string): SessionRecord | undefined {
    const item = this.#items.get(token);
    if (item === undefined || item.expiry <= this.#now()) return undefined;
    return { data: Uint8Array.from(item.data), expiry: new Date(item.expiry) };
  }

  #write(token: string, data: Uint8Array, expiry: number): undefined {
    this.#items.set(token, { data: Uint8Array.from(data), expiry });
  }
}

function isSame(data: Uint8Array | undefined, previous: Uint8Array | undefined): boolean {
  if (data === undefined || previous === undefined) return data === previous;
  return Buffer.compare(data, previous) === 0;
}
