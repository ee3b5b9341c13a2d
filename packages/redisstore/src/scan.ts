import { isUtf8 } from "node:buffer";
import { isToken, type SessionEntry } from "@scs/core";
import type { SessionCommands } from "./commands/session-commands.js";
import { decodeValue } from "./commands/value.js";
import type { Reply } from "./drivers/driver.js";

/** Selects the sessions' keys from those that the server lists. */
export class MatchingKeys {
  /** The pattern for MATCH of SCAN. */
  readonly pattern: string;
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.pattern = `${prefix.replaceAll(/[\\*?[\]]/g, "\\$&")}*`;
  }

  /** Returns the keys that consist of the prefix and a token. */
  of(keys: readonly Reply[]): string[] {
    const names: string[] = [];
    for (const key of keys) {
      if (typeof key !== "string" && !isUtf8(key as Buffer)) continue;
      const name = String(key);
      if (name.startsWith(this.#prefix) && isToken(name.slice(this.#prefix.length))) names.push(name);
    }
    return names;
  }
}

/**
 * Minimum number of keys to remember. SCAN repeats a key only if the server's table has shrunk meanwhile, and then only a
 * recent one: it visits buckets that a shrinking table merges one after the other.
 */
const REMEMBERED = 2 ** 17;

/** Remembers the keys of the last pages. */
export class RecentTokens {
  #older: Set<string> = new Set();
  #newer: Set<string> = new Set();

  /** Returns the keys that are not remembered yet, and remembers them. */
  takeNew(keys: readonly string[]): string[] {
    const fresh = keys.filter((key) => {
      if (this.#newer.has(key) || this.#older.has(key)) return false;
      this.#newer.add(key);
      return true;
    });
    if (this.#newer.size >= REMEMBERED) {
      this.#older = this.#newer;
      this.#newer = new Set();
    }
    return fresh;
  }
}

/** Makes entries from keys and their values. Omits sessions that are gone or damaged. */
export function entriesOf(
  keys: readonly string[],
  prefix: string,
  commands: SessionCommands,
  values: Reply,
): SessionEntry[] {
  const entries: SessionEntry[] = [];
  for (const [index, value] of (values as readonly Reply[]).entries()) {
    if (value === null) continue;
    const record = decodeValue(value);
    if (record === undefined) commands.reportDamage();
    else entries.push({ token: (keys[index] as string).slice(prefix.length), ...record });
  }
  return entries;
}
