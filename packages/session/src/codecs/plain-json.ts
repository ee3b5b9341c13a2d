import { types } from "node:util";
import { classNameOf, describeClass, extrasOf } from "./built-in.js";
import { MAX_LEVELS, TOO_DEEP, tooLarge } from "./codec.js";

/** Looks for what JSON would not bring back as it is, before the JSON is made. */
export class PlainJsonCheck {
  readonly #maxBytes: number;
  /** A lower bound of what the JSON takes. */
  #bytes = 0;
  /** Whether JSON is to bring back a prototype of null, a property that is undefined, an object that occurs twice. */
  readonly #isExact: boolean;
  readonly #seen: Set<object> = new Set();

  constructor(maxBytes: number, { isExact }: { isExact: boolean }) {
    this.#maxBytes = maxBytes;
    this.#isExact = isExact;
  }

  /**
   * Returns what JSON would not bring back in a value that is nested so deep; `undefined` if there is nothing.
   *
   * @throws SessionError `TOO_LARGE` as soon as the JSON of all that was checked would take too much.
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
    if (this.#isExact && this.#seen.has(value)) return "an object that occurs twice";
    if (this.#isExact) this.#seen.add(value);
    if (level === MAX_LEVELS) return `a circle or ${TOO_DEEP}`;
    if (types.isProxy(value)) return "a Proxy";
    if ("toJSON" in value) return describeClass(value);
    return Array.isArray(value) ? this.#listProblem(value, level + 1) : this.#objectProblem(value, level + 1);
  }

  #listProblem(list: unknown[], level: number): string | undefined {
    if (classNameOf(list) !== "Array") return describeClass(list);
    this.#take(list.length);
    for (let at = 0; at < list.length; at++) {
      const problem = this.problemOf(list[at], level);
      if (problem !== undefined) return problem;
    }
    return extrasOf(list, "Array", Object.keys(list));
  }

  #objectProblem(object: object, level: number): string | undefined {
    const isBare = Object.getPrototypeOf(object) === null;
    if (classNameOf(object) !== "Object" && !(isBare && !this.#isExact)) return describeClass(object);
    const keys = Object.keys(object);
    for (let at = 0; at < keys.length; at++) {
      const key = keys[at] as string;
      this.#take(key.length + 3);
      const property = Object.getOwnPropertyDescriptor(object, key) as PropertyDescriptor;
      if (property.get !== undefined || property.set !== undefined) return "a getter or setter";
      if (property.value === undefined && !this.#isExact) continue; // left out, and read as undefined again
      const problem = this.problemOf(property.value, level);
      if (problem !== undefined) return problem;
    }
    return extrasOf(object, "Object", keys);
  }

  #take(bytes: number): undefined {
    this.#bytes += bytes;
    if (this.#bytes > this.#maxBytes) throw tooLarge(this.#maxBytes);
  }
}

/** @throws TypeError for values of JSON that are nested deeper than codecs write them. */
export function assertLevels(value: unknown, level: number): void {
  if (typeof value !== "object" || value === null) return;
  if (level === MAX_LEVELS) throw new TypeError(TOO_DEEP);
  if (Array.isArray(value)) {
    for (let at = 0; at < value.length; at++) assertLevels(value[at], level + 1);
  } else {
    for (const key in value) assertLevels((value as Record<string, unknown>)[key], level + 1);
  }
}
