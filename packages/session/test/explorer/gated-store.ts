import { AsyncLocalStorage } from "node:async_hooks";
import type { AtomicStore, IterableStore, SessionEntry, SessionRecord, TouchableStore } from "@scs/core";

/** A failure of a store call: before or after its effect, or with a crash of its process. */
export type Fault = "fails before" | "fails after" | "stops before" | "stops after";
export const FAULTS: readonly Fault[] = ["fails before", "fails after", "stops before", "stops after"];

/** A waiting call. */
export interface PendingCall {
  operation: number;
  key: string;
  isRead: boolean;
  run: (fault?: Fault) => void;
}

/** One for all stores, because each `AsyncLocalStorage` in use slows down every promise. */
const currentOperation: AsyncLocalStorage<number> = new AsyncLocalStorage();

type Method = "find" | "replace" | "touch" | "commit" | "delete";

/** A store in memory that lets an explorer order the calls of all operations. */
export class GatedStore implements AtomicStore, TouchableStore, IterableStore {
  readonly #records: Map<string, { data: Uint8Array; expiry: number }> = new Map();
  readonly #now: () => number;
  /** Ends calls without an answer. */
  readonly #abandoned: (() => void)[] = [];
  #isClosed = false;
  /** The waiting calls of each operation, in call order. */
  readonly #waiting: Map<number, PendingCall[]> = new Map();

  constructor(now: () => number, other?: GatedStore) {
    this.#now = now;
    if (other === undefined) return;
    for (const [token, record] of other.#records) this.#records.set(token, { ...record });
  }

  /** Runs an operation, whose calls then wait. */
  runGated<R>(operation: number, work: () => Promise<R>): Promise<R> {
    return currentOperation.run(operation, work);
  }

  /** Returns the next waiting call of each operation. */
  get ready(): PendingCall[] {
    return [...this.#waiting.values()].flatMap((calls) => calls.slice(0, 1));
  }

  /** Makes a call. If the fault is a crash, all further calls of the operations in `stopped` wait for ever. */
  release(call: PendingCall, fault?: Fault, stopped: readonly number[] = []): void {
    const calls = this.#waiting.get(call.operation) ?? [];
    calls.shift();
    if (calls.length === 0) this.#waiting.delete(call.operation);
    call.run(fault);
    for (const operation of stopped) this.#waiting.delete(operation);
  }

  /** Ends all waiting and future calls, so that abandoned operations do not continue. */
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
