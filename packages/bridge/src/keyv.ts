import { EventEmitter } from "node:events";
import type { Store } from "@scs/core";
import { assertBridge } from "./bridge-options.js";
import { type KeyValueOptions, KeyValues } from "./key-values.js";

export type { KeyValueOptions } from "./key-values.js";

/** An entry of `setMany`, with its lifetime in ms. */
export interface KeyvEntry {
  key: string;
  value: unknown;
  ttl?: number | undefined;
}

/**
 * Storage adapter for Keyv 5 and 6: `new Keyv({ store: new KeyvAdapter(new MemStore()) })`.
 *
 * Keyv passes whole values without the version they are based on. So the last of parallel changes wins, and a `set`
 * after a `delete` writes the value again.
 */
export class KeyvAdapter extends EventEmitter {
  /** Set by Keyv. Keys of one namespace are cleared together. */
  namespace: string | undefined = undefined;
  /** Read by Keyv 5, which supports iteration only for dialects that it knows. */
  readonly opts: { url: string; dialect?: string };
  /** Lists keys and values, with `hashKeys: false`. */
  readonly iterator: ((namespace?: string) => AsyncGenerator<[string, unknown], void>) | undefined;
  readonly #values: KeyValues;

  /** @throws TypeError or RangeError for a wrong argument or option. */
  constructor(store: Store, options: KeyValueOptions = {}) {
    super();
    assertBridge("KeyvAdapter", store, options, "hashKeys");
    this.#values = new KeyValues(store, "keyv", options);
    this.opts = this.#values.hashesKeys ? { url: "" } : { url: "", dialect: "sqlite" };
    this.iterator = this.#values.hashesKeys ? undefined : () => this.#values.entries(this.#part);
  }

  // biome-ignore lint/suspicious/noExplicitAny: Keyv types values by itself
  get(key: string): Promise<any> {
    return this.#values.get(this.#part, key);
  }

  // biome-ignore lint/suspicious/noExplicitAny: Keyv types values by itself
  getMany(keys: readonly string[]): Promise<any[]> {
    return Promise.all(keys.map((key) => this.get(key)));
  }

  /**
   * Stores a value for `ttl` ms; without it, for `lifetimeMs`. Keyv 6 uses times of expiry instead, and converts them
   * for adapters, like this one, that do not declare support.
   */
  async set(key: string, value: unknown, ttl?: number): Promise<boolean> {
    await this.#values.set(this.#part, key, value, this.#values.expiryIn(ttl ?? undefined));
    return true;
  }

  async setMany(entries: readonly KeyvEntry[]): Promise<void> {
    await Promise.all(entries.map(({ key, value, ttl }) => this.set(key, value, ttl)));
  }

  has(key: string): Promise<boolean> {
    return this.#values.has(this.#part, key);
  }

  hasMany(keys: readonly string[]): Promise<boolean[]> {
    return Promise.all(keys.map((key) => this.has(key)));
  }

  /** Removes a value. Returns whether there was one. */
  delete(key: string): Promise<boolean> {
    return this.#values.remove(this.#part, key);
  }

  /** Removes values. Returns whether all of them existed. */
  async deleteMany(keys: readonly string[]): Promise<boolean> {
    return (await Promise.all(keys.map((key) => this.delete(key)))).every(Boolean);
  }

  /** Removes the values of the namespace. */
  clear(): Promise<void> {
    return this.#values.clear(this.#part);
  }

  get #part(): string {
    return this.namespace ?? "";
  }
}
