import { report, type SessionRecord, type Store, StoreError, warnOncePerCode } from "@scs/core";
import { assertBridge, type BridgeOptions, CENTURY_MS } from "./bridge-options.js";
import { KeyTurns } from "./key-turns.js";
import { contention, MAX_TRIES, Records } from "./records.js";
import { SealedValues } from "./sealed-values.js";

export type { BridgeOptions } from "./bridge-options.js";

/** Options of the storage for Better Auth. */
export interface BetterAuthOptions extends BridgeOptions {
  /**
   * Encrypts what is stored, since Better Auth writes session tokens into its values. At least 32 characters, such as
   * `BETTER_AUTH_SECRET`. The first of several encrypts; the others still decrypt.
   */
  secret: string | readonly string[];
}

/** Better Auth's `SecondaryStorage`. */
export interface BetterAuthStorage {
  get(key: string): Promise<string | null>;
  getAndDelete(key: string): Promise<string | null>;
  set(key: string, value: string, ttl?: number): Promise<void>;
  delete(key: string): Promise<void>;
  increment(key: string, ttl: number): Promise<number>;
}

/** Marks the key of an ended session, as long as a request that read the session may still write it back. */
const ENDED: Uint8Array = Buffer.from("ended");
const ENDED_MS = 3_600_000;
const [NOTHING, LONG_AGO] = [new Uint8Array(0), new Date(0)];

/**
 * Creates the secondary storage of Better Auth: `betterAuth({ secondaryStorage: betterAuthStorage(store, { secret }), … })`.
 *
 * A request that read a session before it was signed out, revoked or consumed cannot write it back. `getAndDelete`
 * returns a value to one caller only, and `increment` loses no count, also across processes.
 *
 * @throws TypeError or RangeError for a wrong argument or option.
 */
export function betterAuthStorage(store: Store, options: BetterAuthOptions): BetterAuthStorage {
  assertBridge("betterAuthStorage", store, options, "secret");
  const { namespace = "better-auth", lifetimeMs = CENTURY_MS } = options;
  const { onError = warnOncePerCode(), now = Date.now } = options;
  const records = new Records(store, namespace);
  const sealed = new SealedValues(secretsOf(options.secret));
  const turns = new KeyTurns();
  const expiryIn = (ttl: number | undefined): Date => new Date(now() + (ttl ? ttl * 1000 : lifetimeMs));

  function textOf(name: string, found: SessionRecord | undefined): string | undefined {
    if (found === undefined || isEnded(found)) return undefined;
    const text = sealed.open(name, found.data);
    if (text === undefined) {
      const message = "betterAuthStorage: a stored value cannot be decrypted; it counts as absent";
      report(onError, new StoreError("CORRUPT", message));
    }
    return text;
  }

  /** Replaces a record by the result of `next`, and retries when others changed it meanwhile. `undefined`: no write. */
  function change(
    name: string,
    next: (found: SessionRecord | undefined) => SessionRecord | undefined,
  ): Promise<SessionRecord | undefined> {
    return turns.run(name, async () => {
      for (let tries = 0; tries < MAX_TRIES; tries++) {
        const found = await records.find(name);
        const record = next(found);
        if (record === undefined || (await records.replace(name, found?.data, record.data, record.expiry)))
          return found;
      }
      throw contention();
    });
  }

  async function end(key: string): Promise<string | null> {
    const name = records.keyOf(key);
    const found = await change(name, (record) => {
      if (record === undefined || isEnded(record)) return undefined;
      const until = new Date(Math.min(record.expiry.getTime(), now() + ENDED_MS));
      return isSessionOf(key, textOf(name, record))
        ? { data: ENDED, expiry: until }
        : { data: NOTHING, expiry: LONG_AGO };
    });
    return textOf(name, found) ?? null;
  }

  return {
    async get(key) {
      const name = records.keyOf(key);
      return textOf(name, await records.find(name)) ?? null;
    },
    getAndDelete: end,
    async set(key, value, ttl) {
      const name = records.keyOf(key);
      const record = { data: sealed.seal(name, value), expiry: expiryIn(ttl) };
      await change(name, (found) => (isEnded(found) ? undefined : record));
    },
    async delete(key) {
      await end(key);
    },
    async increment(key, ttl) {
      const name = records.keyOf(key);
      let count = 0;
      await change(name, (found) => {
        count = (Number(textOf(name, found)) || 0) + 1;
        return { data: sealed.seal(name, String(count)), expiry: found?.expiry ?? expiryIn(ttl) };
      });
      return count;
    },
  };
}

function isEnded(found: SessionRecord | undefined): boolean {
  return found !== undefined && Buffer.compare(found.data, ENDED) === 0;
}

/** Returns whether a value is a session stored under its token. Such a key is random, and never reused. */
function isSessionOf(key: string, text: string | undefined): boolean {
  try {
    return text !== undefined && JSON.parse(text)?.session?.token === key;
  } catch {
    return false;
  }
}

function secretsOf(secret: string | readonly string[]): readonly string[] {
  const secrets = typeof secret === "string" ? [secret] : secret;
  const isGood = Array.isArray(secrets) && secrets.length > 0;
  if (!isGood || !secrets.every((one) => typeof one === "string" && one.length >= 32))
    throw new TypeError("betterAuthStorage: secret must be one or several strings of at least 32 characters");
  return secrets;
}
