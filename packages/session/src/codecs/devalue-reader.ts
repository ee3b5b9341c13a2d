import { Buffer } from "node:buffer";
import { classOf, fromTexts, isViewName } from "./built-in.js";
import { MAX_LEVELS, TOO_DEEP } from "./codec.js";
import * as notation from "./devalue-notation.js";

/** Builds values from the output of `DevalueWriter`. Runs no code and sets no prototype, for any entries. */
export class DevalueReader {
  readonly #entries: readonly unknown[];
  /** The objects built so far, by index. */
  readonly #objects: unknown[] = [];

  /** @throws TypeError unless the notation is a list. */
  constructor(entries: unknown) {
    if (!Array.isArray(entries)) throw malformed();
    this.#entries = entries;
  }

  /** @throws TypeError, RangeError or SyntaxError for entries that the writer does not produce. */
  read(): Record<string, unknown> {
    const [root] = this.#entries;
    if (typeof root !== "object" || root === null || Array.isArray(root)) throw malformed();
    return this.#properties({}, root as Record<string, unknown>, 0);
  }

  #valueAt(index: unknown, level: number): unknown {
    switch (index) {
      case notation.UNDEFINED:
        return undefined;
      case notation.NAN:
        return Number.NaN;
      case notation.POSITIVE_INFINITY:
        return Number.POSITIVE_INFINITY;
      case notation.NEGATIVE_INFINITY:
        return Number.NEGATIVE_INFINITY;
      case notation.NEGATIVE_ZERO:
        return -0;
    }
    if (typeof index !== "number" || index < 1) throw malformed();
    const known = this.#objects[index];
    if (known !== undefined) return known;
    const entry = this.#entries[index];
    if (entry === undefined) throw malformed();
    if (typeof entry !== "object" || entry === null) return entry;
    if (level === MAX_LEVELS) throw new TypeError(TOO_DEEP);
    if (!Array.isArray(entry)) {
      return this.#properties(this.#know(index, {}), entry as Record<string, unknown>, level + 1);
    }
    if (typeof entry[0] === "string") return this.#instance(entry[0], entry, index, level + 1);
    return this.#items(this.#know(index, []), entry, level + 1);
  }

  /** Registers the object of an index before its content is built, because the content may refer to it. */
  #know<T>(index: number, object: T): T {
    this.#objects[index] = object;
    return object;
  }

  #properties<T extends object>(object: T, entry: Record<string, unknown>, level: number): T {
    for (const key of Object.keys(entry)) define(object, key, this.#valueAt(entry[key], level));
    return object;
  }

  #items(list: unknown[], entry: unknown[], level: number): unknown[] {
    for (const index of entry) {
      if (index === notation.HOLE) list.length++;
      else list.push(this.#valueAt(index, level));
    }
    return list;
  }

  /** Builds an entry that is written as a name and its content. */
  #instance(name: string, entry: unknown[], index: number, level: number): unknown {
    if (name === "Set") {
      const set = this.#know(index, new Set());
      for (let at = 1; at < entry.length; at++) set.add(this.#valueAt(entry[at], level));
      return set;
    }
    if (name === "Map") {
      const map = this.#know(index, new Map());
      for (let at = 1; at < entry.length; at += 2) {
        map.set(this.#valueAt(entry[at], level), this.#valueAt(entry[at + 1], level));
      }
      return map;
    }
    if (name === "null") {
      const object: object = this.#know(index, Object.create(null));
      for (let at = 1; at < entry.length; at += 2) {
        const key = entry[at];
        if (typeof key !== "string") throw malformed();
        define(object, key, this.#valueAt(entry[at + 1], level));
      }
      return object;
    }
    return this.#know(index, isViewName(name) ? this.#view(name, entry[1]) : leafOf(name, entry.slice(1)));
  }

  #view(name: string, index: unknown): object {
    const buffer = typeof index === "number" ? this.#entries[index] : undefined;
    // The constructor also accepts a number, and would allocate that many elements.
    if (!Array.isArray(buffer) || buffer[0] !== "ArrayBuffer") throw malformed();
    const bytes = this.#valueAt(index, 0) as ArrayBuffer;
    return name === "Buffer" ? Buffer.from(bytes) : new (classOf(name))(bytes);
  }
}

function leafOf(name: string, texts: unknown[]): unknown {
  const [text] = texts;
  if (typeof text !== "string" || !texts.every((item) => typeof item === "string")) throw malformed();
  if (name === "BigInt") return BigInt(text);
  if (name === "ArrayBuffer") return new Uint8Array(Buffer.from(text, "base64")).buffer;
  if (name === "Object" || name === "Array") throw malformed();
  return fromTexts(name, texts);
}

/** Defines a property. An assignment to the key `__proto__` would set the prototype. */
function define(object: object, key: string, value: unknown): void {
  if (key !== "__proto__") (object as Record<string, unknown>)[key] = value;
  else Object.defineProperty(object, key, { value, writable: true, enumerable: true, configurable: true });
}

function malformed(): TypeError {
  return new TypeError("not the values of a session");
}
