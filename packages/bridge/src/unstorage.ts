import type { Store } from "@scs/core";
import { assertBridge } from "./bridge-options.js";
import { type KeyValueOptions, KeyValues } from "./key-values.js";

export type { KeyValueOptions } from "./key-values.js";

/** Options of one call: `ttl` is the lifetime in seconds. */
export interface UnstorageCallOptions {
  ttl?: number;
}

/** Methods of an unstorage driver. */
export interface UnstorageDriver {
  readonly name: string;
  readonly options: object;
  readonly flags: { readonly ttl: boolean };
  hasItem(key: string): Promise<boolean>;
  // biome-ignore lint/suspicious/noExplicitAny: unstorage types values by itself
  getItem(key: string): Promise<any>;
  getItemRaw(key: string): Promise<unknown>;
  setItem(key: string, value: string, options?: UnstorageCallOptions): Promise<void>;
  setItemRaw(key: string, value: unknown, options?: UnstorageCallOptions): Promise<void>;
  removeItem(key: string): Promise<void>;
  getKeys(base?: string): Promise<string[]>;
  clear(base?: string): Promise<void>;
}

/**
 * Creates a driver for unstorage, which Astro's sessions and Nitro's storage use:
 * `createStorage({ driver: unstorageDriver(new MemStore()) })`.
 *
 * unstorage passes whole values without the version they are based on. So the last of parallel changes wins, and a
 * `setItem` after a `removeItem` writes the value again. Disposing of the storage leaves the store open.
 *
 * @throws TypeError or RangeError for a wrong argument or option.
 */
export function unstorageDriver(store: Store, options: KeyValueOptions = {}): UnstorageDriver {
  assertBridge("unstorageDriver", store, options, "hashKeys");
  const values = new KeyValues(store, "unstorage", options);

  async function get(key: string): Promise<unknown> {
    return (await values.get("", key)) ?? null;
  }

  async function set(key: string, value: unknown, { ttl }: UnstorageCallOptions = {}): Promise<void> {
    await values.set("", key, value, values.expiryIn(ttl ? ttl * 1000 : undefined));
  }

  function assertListable(call: string): void {
    if (values.hashesKeys)
      throw new TypeError(`unstorageDriver: ${call} needs { hashKeys: false }; the store has hashes of keys`);
  }

  return {
    name: "scs",
    options,
    flags: { ttl: true },
    hasItem: (key) => values.has("", key),
    getItem: get,
    getItemRaw: get,
    setItem: set,
    setItemRaw: set,
    async removeItem(key) {
      await values.remove("", key);
    },
    async getKeys(base = "") {
      assertListable("getKeys()");
      const keys: string[] = [];
      for await (const [key] of values.entries("")) if (key.startsWith(base)) keys.push(key);
      return keys;
    },
    async clear(base = "") {
      if (base !== "") assertListable("clear(base)");
      await values.clear("", (key) => base === "" || key.startsWith(base));
    },
  };
}
