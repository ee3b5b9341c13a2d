import { types } from "node:util";
import { bytesOf, classNameOf, describeClass, extrasOf, isViewName, Refusal, textsOf } from "./built-in.js";
import { invalidValue, MAX_LEVELS, TOO_DEEP, tooLarge } from "./codec.js";
import * as notation from "./devalue-notation.js";

/** Matches text that JSON does not escape. */
const PLAIN_TEXT = /^[^"\\\p{Cc}\p{Cs}]*$/u;

/**
 * Writes values in the notation of the `devalue` library: a list of all distinct values, which objects refer to by
 * index.
 */
export class DevalueWriter {
  readonly #entries: string[] = [];
  readonly #indexes: Map<unknown, number> = new Map();
  readonly #maxBytes: number;
  /** A lower bound of the entries' size in bytes. */
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** @throws SessionError `INVALID_VALUE`, with the key; `TOO_LARGE` as soon as the size exceeds the limit. */
  write(values: Record<string, unknown>): string {
    this.#entries.push("");
    const properties: string[] = [];
    for (const key of Object.keys(values)) {
      try {
        properties.push(`${this.#quote(key)}:${this.#indexOf(values[key], 0)}`);
      } catch (error) {
        if ((error as { code?: unknown } | undefined)?.code === "TOO_LARGE") throw error;
        // A method of a built-in class throws for an object that only has the prototype.
        throw invalidValue(
          key,
          `cannot be stored: it contains ${error instanceof Refusal ? error.message : "an object with only the prototype of its class"}`,
        );
      }
    }
    this.#entries[0] = `{${properties.join(",")}}`;
    return `[${this.#entries.join(",")}]`;
  }

  /** Returns the index of a value, or the number that replaces it. Writes the value first if it is new. */
  #indexOf(value: unknown, level: number): number {
    this.#take(2);
    if (value === undefined) return notation.UNDEFINED;
    if (typeof value === "number") {
      if (Number.isNaN(value)) return notation.NAN;
      if (value === Number.POSITIVE_INFINITY) return notation.POSITIVE_INFINITY;
      if (value === Number.NEGATIVE_INFINITY) return notation.NEGATIVE_INFINITY;
      if (Object.is(value, -0)) return notation.NEGATIVE_ZERO;
    }
    const known = this.#indexes.get(value);
    if (known !== undefined) return known;
    const index = this.#entries.push("") - 1; // an object may contain itself
    this.#indexes.set(value, index);
    this.#entries[index] =
      typeof value === "object" && value !== null ? this.#object(value, level) : this.#primitive(value);
    return index;
  }

  #primitive(value: unknown): string {
    if (typeof value === "string") return this.#quote(value);
    if (typeof value === "function" || typeof value === "symbol") throw new Refusal(`a ${typeof value}`);
    return typeof value === "bigint" ? this.#bigint(value) : String(value);
  }

  #bigint(value: bigint): string {
    // Converting to digits is slow, so estimate first: a digit has less than four bits.
    const bits = Math.min(4 * this.#maxBytes, 2 ** 30);
    if (BigInt.asIntN(bits, value) !== value) throw tooLarge(this.#maxBytes);
    const digits = String(value);
    this.#take(digits.length);
    return `["BigInt","${digits}"]`;
  }

  #object(value: object, level: number): string {
    if (types.isProxy(value)) throw new Refusal("a Proxy");
    if (level === MAX_LEVELS) throw new Refusal(TOO_DEEP);
    const name = classNameOf(value);
    if (name === undefined || Array.isArray(value) !== (name === "Array"))
      throw new Refusal(describeClass(value));
    const text = this.#content(value, name, level + 1);
    const extras = extrasOf(value, name, Object.keys(value));
    if (extras !== undefined) throw new Refusal(extras);
    if (name === "Object") return `{${text}}`;
    return name === "Array" ? `[${text}]` : `["${name}"${text === "" ? "" : ","}${text}]`;
  }

  #content(value: object, name: string, level: number): string {
    if (name === "Object") return this.#properties(value, ":", level);
    if (name === "null") return this.#properties(value, ",", level);
    if (name === "Array") return this.#items(value as unknown[], level);
    const indexes: number[] = [];
    if (name === "Map") {
      for (const [key, item] of value as Map<unknown, unknown>) {
        indexes.push(this.#indexOf(key, level), this.#indexOf(item, level));
      }
    } else if (name === "Set") {
      for (const item of value as Set<unknown>) indexes.push(this.#indexOf(item, level));
    } else if (name === "ArrayBuffer") return this.#base64(value);
    else if (isViewName(name)) {
      // Writes only the part of the memory that the view shows.
      indexes.push(this.#entries.push(`["ArrayBuffer",${this.#base64(value)}]`) - 1);
    } else {
      const texts = textsOf(value, name).map((text) => this.#quote(text));
      return texts.join(",");
    }
    return indexes.join(",");
  }

  #properties(object: object, colon: ":" | ",", level: number): string {
    let text = "";
    for (const key of Object.keys(object)) {
      const property = Object.getOwnPropertyDescriptor(object, key);
      if (property === undefined || !("value" in property)) throw new Refusal("a getter or setter");
      text += `${text === "" ? "" : ","}${this.#quote(key)}${colon}${this.#indexOf(property.value, level)}`;
    }
    return text;
  }

  #items(list: unknown[], level: number): string {
    let text = "";
    for (let at = 0; at < list.length; at++) {
      const isHole = list[at] === undefined && !Object.hasOwn(list, at);
      text += `${at === 0 ? "" : ","}${isHole ? notation.HOLE : this.#indexOf(list[at], level)}`;
      if (isHole) this.#take(2);
    }
    return text;
  }

  #base64(value: object): string {
    const bytes = bytesOf(value);
    this.#take((bytes.length * 4) / 3);
    return `"${Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("base64")}"`;
  }

  #quote(text: string): string {
    this.#take(text.length);
    return PLAIN_TEXT.test(text) ? `"${text}"` : JSON.stringify(text);
  }

  #take(bytes: number): void {
    this.#bytes += bytes;
    if (this.#bytes > this.#maxBytes) throw tooLarge(this.#maxBytes);
  }
}
