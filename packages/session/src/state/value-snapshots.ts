import { classNameOf } from "../codecs/built-in.js";

/** Maximum number of objects in a snapshot: above it, decoding the record again is as cheap. Also ends circular values. */
const MAX_OBJECTS = 1_000;

/** For each object of a value: the object, the number of its keys, then each key and its value. */
type Snapshot = unknown[];

/**
 * Snapshots of values of a session, by key, which detect later changes cheaply. Compare the values in each object by
 * identity, so that objects may share others.
 */
export class ValueSnapshots {
  readonly #snapshots: ReadonlyMap<string, Snapshot>;

  /** Takes snapshots of all values, or of some keys. */
  constructor(values: ReadonlyMap<string, unknown>, only?: ReadonlySet<string>) {
    const snapshots = new Map<string, Snapshot>();
    values.forEach((value, key) => {
      if (!isObject(value) || only?.has(key) === false) return;
      const snapshot = snapshotOf(value);
      if (snapshot !== undefined) snapshots.set(key, snapshot);
    });
    this.#snapshots = snapshots;
  }

  /**
   * Returns whether the value of `key` certainly is the one of the snapshot, unchanged. May return `false` if it was changed
   * and changed back.
   */
  isStill(key: string, value: unknown): boolean {
    const snapshot = this.#snapshots.get(key);
    return snapshot !== undefined && snapshot[0] === value && isUnchanged(snapshot);
  }
}

/**
 * Takes a snapshot. Returns `undefined` for a value that is circular or too large, or that contains other objects than plain
 * ones and arrays.
 */
function snapshotOf(value: object): Snapshot | undefined {
  try {
    const snapshot: Snapshot = [];
    return addTo(snapshot, value, MAX_OBJECTS) > 0 ? snapshot : undefined;
  } catch {
    return undefined; // a getter of the app threw
  }
}

/** Adds an object and those in it to a snapshot. Returns how many more there may be; 0 if it is not possible. */
function addTo(snapshot: Snapshot, object: object, most: number): number {
  if (!isPlain(object)) return 0;
  const keys = Object.keys(object);
  if (Array.isArray(object) && object.length !== keys.length) return 0; // a sparse array
  const start = snapshot.push(object, keys.length);
  for (let at = 0; at < keys.length; at++) {
    const key = keys[at] as string;
    snapshot.push(key, (object as Record<string, unknown>)[key]);
  }
  let left = most - 1;
  const end = snapshot.length;
  for (let at = start + 1; at < end && left > 0; at += 2) {
    const value = snapshot[at];
    if (isObject(value)) left = addTo(snapshot, value, left);
  }
  return left;
}

function isUnchanged(snapshot: Snapshot): boolean {
  try {
    for (let at = 0; at < snapshot.length; ) {
      const count = snapshot[at + 1] as number;
      if (!isObjectUnchanged(snapshot, at, count)) return false;
      at += 2 + 2 * count;
    }
    return true;
  } catch {
    return false;
  }
}

/** Compares the object at a position of a snapshot, which had `count` keys. */
function isObjectUnchanged(snapshot: Snapshot, start: number, count: number): boolean {
  const object = snapshot[start] as object;
  if (!isPlain(object)) return false;
  const names = Object.getOwnPropertyNames(object);
  const isArray = Array.isArray(object);
  if (isArray && object.length !== count) return false;
  if (names.length !== count + (isArray ? 1 : 0)) return false; // an array has its length as well
  if (Object.getOwnPropertySymbols(object).length > 0) return false;
  for (let index = 0; index < count; index++) {
    const at = start + 2 + 2 * index;
    const key = snapshot[at] as string;
    if (names[index] !== key || !Object.is((object as Record<string, unknown>)[key], snapshot[at + 1]))
      return false;
  }
  return true;
}

function isPlain(object: object): boolean {
  const name = classNameOf(object);
  return name === "Object" || name === "Array";
}

export function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
