import { AsyncLocalStorage } from "node:async_hooks";
import type { AtomicStore, IterableStore, SessionEntry, SessionRecord, TouchableStore } from "@scs/core";

/** How one call of the store goes wrong: before or after it took effect, or with the process that made it. */
export type Fault = "fails before" | "fails after" | "stops before" | "stops after";
export const FAULTS: readonly Fault[] = ["fails before", "fails after", "stops before", "stops after"];

/** A call that waits to be let through. */
export interface PendingCall {
  operation: number;
  key: string;
  isRead: boolean;
  run: (fault?: Fault) => void;
}

/** One for all stores: each that is ever entered makes every promise dearer. */
const currentOperation: AsyncLocalStorage<number> = new AsyncLocalStorage();

type Method = "find" | "replace" | "touch" | "commit" | "delete";

/** A store in memory that lets the calls of each operation through one by one, as an explorer says. */
export class GatedStore implements AtomicStore, TouchableStore, IterableStore {
  readonly #records: Map<string, { data: Uint8Array; expiry: number }> = new Map();
  readonly #now: () => number;
  /** Ends calls that nobody answers any more. */
  readonly #abandoned: (() => void)[] = [];
  #isClosed = false;
  /** The calls that wait, by operation, in the order made. */
  readonly #waiting: Map<number, PendingCall[]> = new Map();

  constructor(now: () => number, other?: GatedStore) {
    this.#now = now;
    if (other === undefined) return;
    for (const [token, record] of other.#records) this.#records.set(token, { ...record });
  }

  /** Runs an operation whose calls are let through one by one. */
  runGated<R>(operation: number, work: () => Promise<R>): Promise<R> {
    return currentOperation.run(operation, work);
  }

  /** The next call of each operation that waits for one. */
  get ready(): PendingCall[] {
    return [...this.#waiting.values()].flatMap((calls) => calls.slice(0, 1));
  }

  /** Lets a call through; with a fault that stops its process, no other call of `stopped` is. */
  release(call: PendingCall, fault?: Fault, stopped: readonly number[] = []): void {
    const calls = this.#waiting.get(call.operation) ?? [];
    calls.shift();
    if (calls.length === 0) this.#waiting.delete(call.operation);
    call.run(fault);
    for (const operation of stopped) this.#waiting.delete(operation);
  }

  /** Ends all calls that still wait, and those to come: what nobody looks at must not go on. */
  close(): void {
    this.#isClosed = true;
    for (const calls of this.#waiting.values()) for (const call of calls) call.run("fails before");
    for (const end of this.#abandoned) end();
    this.#waiting.clear();
  }

  find(token: string): Promise<SessionRecord | undefined> {
    return this.#call("find", token, () => {
      const record = this.#live(token);
      return record && { data: record.data.slice(), expiry: new Date(record.expiry) };
    });
  }

  commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    return this.#call("commit", token, () => this.#put(token, data, expiry));
  }

  delete(token: string): Promise<void> {
    return this.#call("delete", token, () => void this.#records.delete(token));
  }

  replace(token: string, previous: Uint8Array | undefined, data: Uint8Array, expiry: Date): Promise<boolean> {
    return this.#call("replace", token, () => {
      const current = this.#live(token)?.data;
      const isSame =
        current === undefined || previous === undefined
          ? current === previous
          : Buffer.compare(current, previous) === 0;
      if (isSame) this.#put(token, data, expiry);
      return isSame;
    });
  }

  touch(token: string, expiry: Date): Promise<boolean> {
    return this.#call("touch", token, () => {
      const record = this.#live(token);
      if (record !== undefined) record.expiry = expiry.getTime();
      return record !== undefined;
    });
  }

  async *entries(): AsyncIterableIterator<SessionEntry> {
    for (const [token, { data, expiry }] of [...this.#records]) {
      if (this.#live(token) !== undefined) yield { token, data: data.slice(), expiry: new Date(expiry) };
    }
  }

  async all(): Promise<Map<string, Uint8Array>> {
    const all = new Map<string, Uint8Array>();
    for await (const { token, data } of this.entries()) all.set(token, data);
    return all;
  }

  #live(token: string): { data: Uint8Array; expiry: number } | undefined {
    const record = this.#records.get(token);
    return record !== undefined && record.expiry > this.#now() ? record : undefined;
  }

  #put(token: string, data: Uint8Array, expiry: Date): void {
    if (expiry.getTime() <= this.#now()) this.#records.delete(token);
    else this.#records.set(token, { data: data.slice(), expiry: expiry.getTime() });
  }

  #call<R>(method: Method, key: string, effect: () => R): Promise<R> {
    const operation = currentOperation.getStore();
    if (operation === undefined) return Promise.resolve(effect());
    if (this.#isClosed) return Promise.reject(new Error("the store is closed"));
    return new Promise((resolve, reject) => {
      this.#abandoned.push(() => reject(new Error("the store is closed")));
      const run = (fault?: Fault): void => {
        if (fault === "fails before") reject(new Error("the store failed"));
        if (fault === "fails before" || fault === "stops before") return;
        const result = effect();
        if (fault === "fails after") reject(new Error("the store failed"));
        else if (fault === undefined) resolve(result);
      };
      const calls = this.#waiting.get(operation) ?? [];
      calls.push({ operation, key, isRead: method === "find", run });
      this.#waiting.set(operation, calls);
    });
  }
}
