import { types } from "node:util";
import { classNameOf, describeClass, extrasOf } from "./built-in.js";
import { MAX_LEVELS, TOO_DEEP, tooLarge } from "./codec.js";

/** Maximum number of objects in the list; beyond it, a Set is faster. */
const MAX_SCANNED = 16;

/** Finds values that JSON would not restore exactly, before the JSON is made. */
export class PlainJsonCheck {
  readonly #maxBytes: number;
  /** A lower bound of the JSON's size. */
  #bytes = 0;
  /** Whether JSON must restore a null prototype, an undefined property and an object that occurs twice. */
  readonly #isExact: boolean;
  /** The objects checked so far, if they must differ. */
  readonly #seen: object[] = [];
  #manySeen: Set<object> | undefined;

  constructor(maxBytes: number, { isExact }: { isExact: boolean }) {
    this.#maxBytes = maxBytes;
    this.#isExact = isExact;
  }

  /**
   * Describes the first part of a value, nested at `level`, that JSON would not restore; `undefined` if there is none.
   *
   * @throws SessionError `TOO_LARGE` as soon as the JSON of all checked values would exceed the limit.
   */
  problemOf(value: unknown, level: number): string | undefined {
    if (typeof value === "string") return this.#take(value.length + 2);
    this.#take(1);
    if (typeof value === "boolean" || value === null) return undefined;
    if (typeof value === "number") {
      if (Number.isFinite(value) && !Object.is(value, -0)) return undefined;
      return Object.is(value, -0) ? "-0" : String(value);
    }
    if (typeof value !== "object") return `a value of type ${typeof value}`;
    if (this.#isExact && this.#isSeen(value)) return "an object that occurs twice";
    if (level === MAX_LEVELS) return `a circle or ${TOO_DEEP}`;
    if (types.isProxy(value)) return "a Proxy";
    if ("toJSON" in value) return describeClass(value);
    return Array.isArray(value) ? this.#listProblem(value, level + 1) : this.#objectProblem(value, level + 1);
  }

  /** Remembers the object, and returns whether it was already there. */
  #isSeen(object: object): boolean {
    if (this.#manySeen === undefined) {
      if (this.#seen.includes(object)) return true;
      this.#seen.push(object);
      if (this.#seen.length > MAX_SCANNED) this.#manySeen = new Set(this.#seen);
      return false;
    }
    if (this.#manySeen.has(object)) return true;
    this.#manySeen.add(object);
    return false;
  }

  #listProblem(list: unknown[], level: number): string | undefined {
    if (classNameOf(list) !== "Array") return describeClass(list);
    this.#take(list.length);
    for (let at = 0; at < list.length; at++) {
      const problem = this.problemOf(list[at], level);
      if (problem !== undefined) return problem;
    }
    const keys = Object.keys(list);
    const isBare = keys.length === list.length && Object.getOwnPropertySymbols(list).length === 0;
    return isBare ? undefined : extrasOf(list, "Array", keys);
  }

  #objectProblem(object: object, level: number): string | undefined {
    const isBare = Object.getPrototypeOf(object) === null;
    if (isBare ? this.#isExact : classNameOf(object) !== "Object") return describeClass(object);
    const keys = Object.keys(object);
    // Both are three times as fast as Reflect.ownKeys.
    if (Object.getOwnPropertySymbols(object).length > 0) return "a property with a symbol as its key";
    if (Object.getOwnPropertyNames(object).length > keys.length) return "a property that is not enumerable";
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] as string;
      this.#take(key.length + 3);
      const property = Object.getOwnPropertyDescriptor(object, key) as PropertyDescriptor;
      if (property.get !== undefined || property.set !== undefined) return "a getter or setter";
      if (property.value === undefined && !this.#isExact) continue; // omitted, and so read as undefined
      const problem = this.problemOf(property.value, level);
      if (problem !== undefined) return problem;
    }
    return undefined;
  }

  #take(bytes: number): undefined {
    this.#bytes += bytes;
    if (this.#bytes > this.#maxBytes) throw tooLarge(this.#maxBytes);
  }
}

/** @throws TypeError for JSON values that are nested deeper than codecs write. */
export function assertLevels(value: unknown, level: number): void {
  if (typeof value !== "object" || value === null) return;
  if (level === MAX_LEVELS) throw new TypeError(TOO_DEEP);
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) assertLevels(value[at], level + 1);
  } else {
    for (const key in value) assertLevels((value as Record<string, unknown>)[key], level + 1);
  }
}
