import { hash } from "node:crypto";
import type { AtomicStore, IterableStore, SessionRecord, Store, TouchableStore } from "@scs/core";
import { StoreError } from "@scs/core";

/** Maximum number of retries of one change. Each retry means that another process changed the record. */
export const MAX_TRIES = 100;
const [NOTHING, LONG_AGO] = [new Uint8Array(0), new Date(0)];

/**
 * Accesses the records of one bridge. Their names are SHA-256 hashes of the host's IDs, so that a reader of the store
 * learns no ID that the host would accept.
 */
export class Records {
  readonly #store: Store & Partial<AtomicStore & TouchableStore & IterableStore>;
  readonly #prefix: string;

  constructor(store: Store, namespace: string) {
    this.#store = store;
    this.#prefix = `${namespace}.`;
  }

  /** Returns the name of the record of an ID. */
  keyOf(id: string): string {
    return this.#prefix + hash("sha256", id, "base64url"); // random IDs need neither salt nor a slow hash
  }

  /** Returns the name of the record of a key that is not secret. */
  plainKeyOf(name: string): string {
    return this.#prefix + name;
  }

  async find(key: string): Promise<SessionRecord | undefined> {
    return (await this.#store.find(key)) ?? undefined; // some stores return null
  }

  commit(key: string, data: Uint8Array, expiry: Date): Promise<void> {
    return this.#store.commit(key, data, expiry);
  }

  /** Compares and swaps. In a store without `replace`, a change between the two calls is overwritten. */
  async replace(
    key: string,
    previous: Uint8Array | undefined,
    data: Uint8Array,
    expiry: Date,
  ): Promise<boolean> {
    if (this.#store.replace !== undefined) return this.#store.replace(key, previous, data, expiry);
    const found = await this.find(key);
    if (!(found && previous ? isSame(found.data, previous) : found === previous)) return false;
    await this.#store.commit(key, data, expiry);
    return true;
  }

  /** Sets the expiry of a live record. Returns whether there was one. */
  async touch(key: string, expiry: Date): Promise<boolean> {
    if (this.#store.touch !== undefined) return this.#store.touch(key, expiry);
    const found = await this.find(key);
    return found !== undefined && (await this.replace(key, found.data, found.data, expiry));
  }

  delete(key: string): Promise<void> {
    return this.#store.delete(key);
  }

  /** Removes a record and returns it, to one caller only; `undefined` if there was none. */
  async take(key: string): Promise<SessionRecord | undefined> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const found = await this.find(key);
      if (found === undefined || (await this.replace(key, found.data, NOTHING, LONG_AGO))) return found;
    }
    throw contention();
  }

  /**
   * Lists the live records of this bridge. `name` excludes the namespace.
   *
   * @throws TypeError if the store has no `entries`.
   */
  async *entries(): AsyncGenerator<{ name: string; record: SessionRecord }, void> {
    if (this.#store.entries === undefined)
      throw new TypeError("bridge: the store cannot list its records (it has no entries())");
    for await (const { token, data, expiry } of this.#store.entries()) {
      if (token.startsWith(this.#prefix))
        yield { name: token.slice(this.#prefix.length), record: { data, expiry } };
    }
  }
}

/** Creates the error for a record that others keep changing. */
export function contention(): StoreError {
  return new StoreError("UNAVAILABLE", `bridge: others changed a record ${MAX_TRIES} times in a row`);
}

/** Returns whether two arrays hold the same bytes. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && Buffer.compare(a, b) === 0;
}
