import { classNameOf } from "../codecs/built-in.js";

/** Maximum number of objects in a snapshot: past it, decoding the record once more is as cheap. It also ends circles. */
const MAX_OBJECTS = 1_000;

/** An object at one moment: its own keys, and what they held. */
interface ObjectState {
  object: object;
  keys: readonly string[];
  values: readonly unknown[];
}

/**
 * Remembers a value of plain objects and arrays at one moment, to tell cheaply whether it has changed since. Every
 * object in it is compared by the identity of what it holds, so that shared objects and circles need no care.
 */
export class ValueSnapshot {
  readonly #states: readonly ObjectState[];

  private constructor(states: readonly ObjectState[]) {
    this.#states = states;
  }

  /** Takes a snapshot of an object; `undefined` if that holds anything but plain objects, arrays and primitive values. */
  static of(value: unknown): ValueSnapshot | undefined {
    try {
      return isObject(value) ? ValueSnapshot.#of(value) : undefined;
    } catch {
      return undefined; // a getter of the app's has thrown
    }
  }

  static #of(value: object): ValueSnapshot | undefined {
    const states: ObjectState[] = [];
    const pending = [value];
    for (let object = pending.pop(); object !== undefined; object = pending.pop()) {
      if (!isPlain(object) || states.length === MAX_OBJECTS) return undefined;
      const keys = Object.keys(object);
      if (Array.isArray(object) && object.length !== keys.length) return undefined; // it has holes
      const values = keys.map((key) => (object as Record<string, unknown>)[key]);
      states.push({ object, keys, values });
      for (const each of values) if (isObject(each)) pending.push(each);
    }
    return new ValueSnapshot(states);
  }

  /** Whether `value` is the one of the snapshot, and unchanged. May return `false` for one that was changed and changed back. */
  isStill(value: unknown): boolean {
    try {
      return this.#states[0]?.object === value && this.#states.every(isUnchanged);
    } catch {
      return false;
    }
  }
}

function isUnchanged({ object, keys, values }: ObjectState): boolean {
  if (!isPlain(object)) return false;
  const names = Object.getOwnPropertyNames(object);
  if (Array.isArray(object) ? object.length !== keys.length : names.length !== keys.length) return false;
  if (Object.getOwnPropertySymbols(object).length > 0) return false;
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] as string;
    if (names[at] !== key || !Object.is((object as Record<string, unknown>)[key], values[at])) return false;
  }
  return true;
}

function isPlain(object: object): boolean {
  const name = classNameOf(object);
  return name === "Object" || name === "Array";
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
