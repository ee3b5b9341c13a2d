import { classNameOf } from "../codecs/built-in.js";

/** Maximum number of objects in a snapshot: above it, decoding the record again is as cheap. Also ends circular values. */
const MAX_OBJECTS = 1_000;

/** An object, and its own keys and values at the time of the snapshot. */
interface ObjectState {
  object: object;
  keys: readonly string[];
  values: readonly unknown[];
}

/** Snapshots of all values of a session, by key. */
export class ValueSnapshots {
  readonly #snapshots: ReadonlyMap<string, ValueSnapshot>;

  constructor(values: Iterable<readonly [key: string, value: unknown]>) {
    const snapshots = new Map<string, ValueSnapshot>();
    for (const [key, value] of values) {
      const snapshot = ValueSnapshot.of(value);
      if (snapshot !== undefined) snapshots.set(key, snapshot);
    }
    this.#snapshots = snapshots;
  }

  /** Returns whether the value of `key` certainly is the one of the snapshot, unchanged. */
  isStill(key: string, value: unknown): boolean {
    return this.#snapshots.get(key)?.isStill(value) === true;
  }
}

/**
 * A snapshot of a value of plain objects and arrays, which detects later changes cheaply. Compares the values in each
 * object by identity, so that objects may share others.
 */
class ValueSnapshot {
  readonly #states: readonly ObjectState[];

  private constructor(states: readonly ObjectState[]) {
    this.#states = states;
  }

  /**
   * Takes a snapshot. Returns `undefined` for a value that is primitive, circular or too large, or that contains other
   * objects than plain ones and arrays.
   */
  static of(value: unknown): ValueSnapshot | undefined {
    try {
      return isObject(value) ? ValueSnapshot.#of(value) : undefined;
    } catch {
      return undefined; // a getter of the app threw
    }
  }

  static #of(value: object): ValueSnapshot | undefined {
    const states: ObjectState[] = [];
    const pending = [value];
    for (let object = pending.pop(); object !== undefined; object = pending.pop()) {
      if (!isPlain(object) || states.length === MAX_OBJECTS) return undefined;
      const keys = Object.keys(object);
      if (Array.isArray(object) && object.length !== keys.length) return undefined; // a sparse array
      const values = keys.map((key) => (object as Record<string, unknown>)[key]);
      states.push({ object, keys, values });
      for (const each of values) if (isObject(each)) pending.push(each);
    }
    return new ValueSnapshot(states);
  }

  /** Returns whether `value` is the snapshot's object, unchanged. May return `false` if it was changed and changed back. */
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
  const isArray = Array.isArray(object);
  if (isArray && object.length !== keys.length) return false;
  if (names.length !== keys.length + (isArray ? 1 : 0)) return false; // an array has its length as well
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
