import { bytesOf, classNameOf, isViewName, textsOf } from "../codecs/built-in.js";

/** `alike`: no visible difference, but there is an instance of a class that may have hidden state. */
export type Sameness = "same" | "alike" | "different";

/**
 * Compares a value of the app with the stored one by structure: classes, content, the order of keys, `Map` and `Set`, and
 * repeated and circular references. Visits each object once, and stops at the first difference.
 */
export function compareValues(value: unknown, stored: unknown): Sameness {
  try {
    return new ValueComparison().run(value, stored);
  } catch {
    return "different"; // a getter of the app threw, or memory is detached
  }
}

class ValueComparison {
  /** Pending objects of the first value. A list instead of recursion, because deep values would overflow the stack. */
  readonly #pending: object[] = [];
  /** Corresponding objects of the two values. */
  readonly #partners: Map<object, object> = new Map();
  readonly #others: Set<object> = new Set();
  #sameness: Sameness = "same";

  run(one: unknown, other: unknown): Sameness {
    this.#expect(one, other);
    while (this.#sameness !== "different") {
      const a = this.#pending.pop();
      if (a === undefined) break;
      this.#compareObjects(a, this.#partners.get(a) as object);
    }
    // Otherwise two objects of the first value correspond to one of the other.
    return this.#others.size === this.#partners.size ? this.#sameness : "different";
  }

  /** Queues two values for comparison. */
  #expect(a: unknown, b: unknown): void {
    if (Object.is(a, b)) return;
    if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) {
      this.#sameness = "different";
      return;
    }
    const partner = this.#partners.get(a);
    if (partner === undefined) {
      this.#partners.set(a, b);
      this.#others.add(b);
      this.#pending.push(a);
    } else if (partner !== b) this.#sameness = "different";
  }

  #expectAll(a: readonly unknown[], b: readonly unknown[]): void {
    if (a.length !== b.length) this.#sameness = "different";
    for (let at = 0; at < a.length && this.#sameness !== "different"; at++) this.#expect(a[at], b[at]);
  }

  #compareObjects(a: object, b: object): void {
    const name = classNameOf(a);
    if (name !== classNameOf(b)) this.#sameness = "different";
    else if (name === undefined) this.#compareInstances(a, b);
    else if (name === "Array") this.#compareLists(a as unknown[], b as unknown[]);
    else if (name === "ArrayBuffer" || isViewName(name)) {
      if (Buffer.compare(bytesOf(a), bytesOf(b)) !== 0) this.#sameness = "different";
    } else {
      const keysOf =
        Object.getOwnPropertySymbols(a).length > 0 ? Reflect.ownKeys : Object.getOwnPropertyNames;
      if (name !== "Date") this.#compareProperties(a, b, keysOf(a), keysOf(b)); // fake ones have a constructor
      if (name === "Map") this.#compareMaps(a as Map<unknown, unknown>, b as Map<unknown, unknown>);
      else if (name === "Set") this.#compareSets(a as Set<unknown>, b as Set<unknown>);
      else if (name !== "Object" && name !== "null") this.#expectAll(textsOf(a, name), textsOf(b, name));
    }
  }

  #compareLists(a: unknown[], b: unknown[]): void {
    if (a.length !== b.length) {
      this.#sameness = "different";
      return;
    }
    const [keys, others] = [Object.keys(a), Object.keys(b)];
    if (isDense(keys, a.length) && isDense(others, b.length)) this.#expectAll(a, b);
    else this.#compareProperties(a, b, keys, others);
  }

  #compareMaps(a: Map<unknown, unknown>, b: Map<unknown, unknown>): void {
    if (a.size !== b.size) this.#sameness = "different";
    else {
      this.#expectAll([...a.keys()], [...b.keys()]);
      this.#expectAll([...a.values()], [...b.values()]);
    }
  }

  #compareSets(a: Set<unknown>, b: Set<unknown>): void {
    if (a.size !== b.size) this.#sameness = "different";
    else this.#expectAll([...a], [...b]);
  }

  #compareInstances(a: object, b: object): void {
    if (Object.getPrototypeOf(a) !== Object.getPrototypeOf(b)) this.#sameness = "different";
    else {
      this.#sameness = "alike";
      this.#compareProperties(a, b, Reflect.ownKeys(a), Reflect.ownKeys(b));
    }
  }

  #compareProperties(
    a: object,
    b: object,
    keys: readonly PropertyKey[],
    others: readonly PropertyKey[],
  ): void {
    if (keys.length !== others.length) this.#sameness = "different";
    for (let at = 0; at < keys.length && this.#sameness !== "different"; at++) {
      const key = keys[at] as keyof object;
      if (key === others[at]) this.#expect(a[key], b[key]);
      else this.#sameness = "different";
    }
  }
}

/** Returns whether the keys of an array are exactly its indexes. Other keys would come last. */
function isDense(keys: readonly string[], length: number): boolean {
  return keys.length === length && (length === 0 || keys[length - 1] === String(length - 1));
}
