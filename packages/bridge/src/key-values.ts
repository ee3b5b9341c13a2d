import { hash } from "node:crypto";
import { report, type Store, StoreError, warnOncePerCode } from "@scs/core";
import { type BridgeOptions, CENTURY_MS } from "./bridge-options.js";
import { Records } from "./records.js";
import { decodeValue, encodeValue } from "./stored-value.js";

/** Options of the bridges to libraries that keep values by key. */
export interface KeyValueOptions extends BridgeOptions {
  /**
   * Stores the SHA-256 of each key instead of the key, because the key of a session is the content of its cookie.
   * `false` makes keys listable, and readable to everybody who can read the store.
   *
   * @default true
   */
  hashKeys?: boolean;
}

/** Stores values by key, in parts that can be cleared separately. */
export class KeyValues {
  readonly hashesKeys: boolean;
  readonly #records: Records;
  readonly #lifetimeMs: number;
  readonly #onError: (error: StoreError) => void;
  readonly #now: () => number;

  constructor(store: Store, host: string, options: KeyValueOptions) {
    const { namespace = host, hashKeys = true, lifetimeMs = CENTURY_MS } = options;
    const { onError = warnOncePerCode(), now = Date.now } = options;
    if (typeof hashKeys !== "boolean")
      throw new TypeError(`hashKeys must be true or false, got ${typeof hashKeys}`);
    this.#records = new Records(store, namespace);
    this.hashesKeys = hashKeys;
    this.#lifetimeMs = lifetimeMs;
    this.#onError = onError;
    this.#now = now;
  }

  /** Returns the expiry of a value with this lifetime in ms. */
  expiryIn(lifetimeMs: number = this.#lifetimeMs): Date {
    return new Date(this.#now() + lifetimeMs);
  }

  async get(part: string, key: string): Promise<unknown> {
    const found = await this.#records.find(this.#nameOf(part, key));
    return found && this.#decode(found.data);
  }

  async has(part: string, key: string): Promise<boolean> {
    return (await this.#records.find(this.#nameOf(part, key))) !== undefined;
  }

  async set(part: string, key: string, value: unknown, expiry: Date): Promise<void> {
    await this.#records.commit(this.#nameOf(part, key), encodeValue(value), expiry);
  }

  /** Removes a value, and tells whether there was one. */
  async remove(part: string, key: string): Promise<boolean> {
    return (await this.#records.take(this.#nameOf(part, key))) !== undefined;
  }

  /** Lists the keys and values of a part. Requires keys that are stored unhashed. */
  async *entries(part: string): AsyncGenerator<[key: string, value: unknown], void> {
    const prefix = prefixOf(part);
    for await (const { name, record } of this.#records.entries())
      if (name.startsWith(prefix)) yield [name.slice(prefix.length), this.#decode(record.data)];
  }

  /** Removes the values of a part, or those whose keys `isMeant` accepts. */
  async clear(part: string, isMeant: (key: string) => boolean = () => true): Promise<void> {
    const prefix = prefixOf(part);
    for await (const { name } of this.#records.entries()) {
      if (name.startsWith(prefix) && isMeant(name.slice(prefix.length)))
        await this.#records.delete(this.#records.plainKeyOf(name));
    }
  }

  #nameOf(part: string, key: string): string {
    const own = this.hashesKeys ? hash("sha256", key, "base64url") : key;
    return this.#records.plainKeyOf(prefixOf(part) + own);
  }

  #decode(data: Uint8Array): unknown {
    const value = decodeValue(data);
    if (value === undefined)
      report(
        this.#onError,
        new StoreError("CORRUPT", "bridge: a stored value cannot be read; it counts as absent"),
      );
    return value;
  }
}

/** Returns a prefix for a part: without "." inside, and short, because a record's name has at most 255 bytes. */
function prefixOf(part: string): string {
  return part === "" ? "." : `${hash("sha256", part, "base64url").slice(0, 22)}.`;
}
