import { isUtf8 } from "node:buffer";
import { isToken, type SessionEntry } from "@scs/core";
import type { SessionCommands } from "./commands/session-commands.js";
import { decodeValue } from "./commands/value.js";
import type { Reply } from "./drivers/driver.js";

/** The names of keys that the server lists, and which of them are of a prefix. */
export class MatchingKeys {
  /** For MATCH of SCAN. */
  readonly pattern: string;
  readonly #prefix: string;

  constructor(prefix: string) {
    this.#prefix = prefix;
    this.pattern = `${prefix.replaceAll(/[\\*?[\]]/g, "\\$&")}*`;
  }

  /** Leaves out the keys that no store has written: of another prefix, or without a token behind it. */
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
 * Number of keys that are remembered at least. SCAN gives a key twice only where the server's table has shrunk in
 * between, and then one of those that it gave last: it walks the table so that buckets which become one follow each
 * other.
 */
const REMEMBERED = 2 ** 17;

/** The keys of the last pages. */
export class RecentTokens {
  #older: Set<string> = new Set();
  #newer: Set<string> = new Set();

  /** Returns the keys that are new, and remembers them. */
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

/** Makes entries of keys and what is stored there; what is gone, or damaged, is left out. */
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
