import type { SessionMeta } from "../codecs/session-meta.js";
import type { SessionEncoder } from "./session-encoder.js";
import { isObject, ValueSnapshots } from "./value-snapshots.js";

interface Change {
  kind: "set" | "delete";
  value: unknown;
  /** Its number among all changes of the session. */
  number: number;
}

/** An object that the app got before another request changed its key, and its content at that time. */
interface Former {
  key: string;
  value: unknown;
  content: unknown;
}

const OWN = { enumerable: true, configurable: true, writable: true };

/** Maximum number of former objects: bounds the memory of a long-lived session, such as a WebSocket's. */
const MAX_FORMER = 100;

/**
 * The values of a session, as one request sees them. Keeps unsaved changes by key, to apply them to values that another
 * request saved meanwhile.
 */
export class SessionValues {
  readonly #encoder: SessionEncoder;
  #values: Map<string, unknown> = new Map();
  /** The record's data, and its values, decoded again for comparisons: the app never gets these objects. */
  #stored: { data: Uint8Array; values: Record<string, unknown> | undefined } | undefined;
  /** Unsaved changes by key. */
  #changes: Map<string, Change> | undefined;
  /** Number of the last change. */
  #count = 0;
  /** Number of the last change in the current draft. */
  #drafted = 0;
  /** Keys whose objects the app has got and may change in place. */
  #exposed: Set<string> | undefined;
  /** Snapshots of all values, taken before the app could change one in place: two values may share an object. */
  #snapshots: ValueSnapshots | undefined;
  /** Snapshots of the exposed values in the current draft. */
  #draftedSnapshots: ValueSnapshots | undefined;
  /** Former objects, oldest first. */
  #former: Former[] = [];

  constructor(encoder: SessionEncoder) {
    this.#encoder = encoder;
  }

  get size(): number {
    return this.#values.size;
  }

  /** Whether a value was set or deleted since the last save. */
  get isChanged(): boolean {
    return this.#changes !== undefined && this.#changes.size > 0;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  /** Returns the values without detecting changes in place: the caller must set changed objects. */
  entries(): IterableIterator<[string, unknown]> {
    return this.#values.entries();
  }

  keys(): IterableIterator<string> {
    return this.#values.keys();
  }

  /** Returns the values to save, including former objects that the app has changed. */
  toRecord(): Record<string, unknown> {
    if (this.#former.length > 0) this.#noteChangesInPlace();
    const values: Record<string, unknown> = {};
    // Faster than Object.fromEntries, and than a loop over entries.
    this.#values.forEach((value, key) => {
      if (key === "__proto__") Object.defineProperty(values, key, { value, ...OWN });
      else values[key] = value;
    });
    return values;
  }

  get(key: string): unknown {
    const value = this.#values.get(key);
    this.#expose(key, value);
    return value;
  }

  set(key: string, value: unknown): void {
    this.#forgetFormer(key);
    this.#put(key, value);
  }

  delete(key: string): boolean {
    this.#forgetFormer(key);
    if (!this.#values.delete(key)) return false;
    this.#note(key, "delete");
    return true;
  }

  /** Drops all values and changes. */
  reset(): void {
    this.#values.clear();
    this.#stored = undefined;
    this.#changes = undefined;
    this.#exposed = undefined;
    this.#snapshots = undefined;
    this.#draftedSnapshots = undefined;
    this.#former = [];
  }

  /** Loads the values of a record's data into an empty session. */
  load(values: Record<string, unknown>, data: Uint8Array): void {
    for (const key of Object.keys(values)) this.#values.set(key, values[key]);
    this.#stored = { data, values: undefined };
  }

  /**
   * Replaces the stored values by newer ones, and keeps unsaved changes. An object that the app has got stays the value of
   * its key if the stored value is unchanged. Otherwise `get` returns the newer value; if the app changes the old object
   * later, the old object becomes the value again, because the last change of a key wins.
   */
  merge(values: Record<string, unknown>, data: Uint8Array): void {
    this.#noteChangesInPlace();
    const merged = new Map(Object.entries(values));
    const before = this.#storedValues();
    for (const [key, value] of this.#values) {
      if (!isObject(value) || this.#changes?.has(key)) continue;
      if (merged.has(key) && this.#encoder.isSame(before[key], merged.get(key))) merged.set(key, value);
      else if (this.#exposed?.delete(key)) this.#keepFormer({ key, value, content: before[key] });
    }
    for (const [key, change] of this.#changes ?? []) {
      if (change.kind === "delete") merged.delete(key);
      else merged.set(key, change.value);
    }
    this.#values = merged;
    this.#stored = { data, values: undefined };
    if (this.#exposed !== undefined) this.#snapshots = new ValueSnapshots(this.#values, this.#exposed);
  }

  /** Returns whether the app has changed an object in place. */
  isChangedInPlace(): boolean {
    if (!this.#isAnyInHand()) return false;
    for (const key of this.#exposed ?? []) {
      const isStill = this.#snapshots?.isStill(key, this.#values.get(key)) === true;
      if (!isStill && this.#isKeyChanged(key, this.#storedValues())) return true;
    }
    return this.#former.some(({ value, content }) => !this.#encoder.isSame(value, content));
  }

  /**
   * Encodes the session for a save. Later changes remain for the next draft.
   *
   * @throws SessionError `INVALID_VALUE`; `TOO_LARGE`, with the key of the largest value.
   */
  draft(deadline: number, meta: SessionMeta): Uint8Array {
    const values = this.toRecord();
    this.#drafted = this.#count;
    const data = this.#encoder.encode({ version: 1, deadline, values, meta });
    if (this.#exposed !== undefined) this.#draftedSnapshots = new ValueSnapshots(this.#values, this.#exposed);
    return data;
  }

  /** Marks the last draft, which has this data, as saved. */
  saved(data: Uint8Array): void {
    this.#changes?.forEach(({ number }, key, changes) => {
      if (number <= this.#drafted) changes.delete(key);
    });
    if (this.#draftedSnapshots !== undefined) this.#snapshots = this.#draftedSnapshots;
    this.#draftedSnapshots = undefined;
    this.#stored = { data, values: undefined };
  }

  #put(key: string, value: unknown): void {
    this.#values.set(key, value);
    this.#note(key, "set", value);
    this.#expose(key, value);
  }

  #note(key: string, kind: Change["kind"], value?: unknown): void {
    this.#changes ??= new Map();
    this.#changes.set(key, { kind, value, number: ++this.#count });
  }

  #expose(key: string, value: unknown): void {
    if (!isObject(value)) return;
    if (this.#exposed === undefined) {
      this.#exposed = new Set();
      if (this.#stored !== undefined) this.#snapshots = new ValueSnapshots(this.#values);
    }
    this.#exposed.add(key);
  }

  #keepFormer(former: Former): void {
    this.#former.push(former);
    if (this.#former.length > MAX_FORMER) this.#former.shift();
  }

  #forgetFormer(key: string): void {
    if (this.#former.length > 0) this.#former = this.#former.filter((former) => former.key !== key);
  }

  /** Returns whether the app has got any object that is or was a stored value. */
  #isAnyInHand(): boolean {
    return this.#stored !== undefined && ((this.#exposed?.size ?? 0) > 0 || this.#former.length > 0);
  }

  #isKeyChanged(key: string, stored: Record<string, unknown>): boolean {
    const value = this.#values.get(key);
    return isObject(value) && !this.#changes?.has(key) && !this.#encoder.isSame(value, stored[key]);
  }

  /** Records changes in place. If the app changed several objects of one key, the newest object counts. */
  #noteChangesInPlace(): void {
    if (!this.#isAnyInHand()) return;
    const stored = this.#storedValues();
    // Checks all keys, because an object may be part of two values.
    for (const [key, value] of this.#values) {
      if (this.#isKeyChanged(key, stored)) this.#note(key, "set", value);
    }
    for (const { key, value, content } of this.#former.toReversed()) {
      if (this.#encoder.isSame(value, content)) continue;
      this.#forgetFormer(key);
      if (this.#changes?.has(key)) continue;
      const newer = this.#values.get(key);
      if (this.#exposed?.has(key)) this.#keepFormer({ key, value: newer, content: stored[key] });
      this.#put(key, value);
    }
  }

  /** Decodes the stored values again. */
  #storedValues(): Record<string, unknown> {
    if (this.#stored === undefined) return {};
    try {
      this.#stored.values ??= this.#encoder.decode(this.#stored.data).values;
    } catch {
      this.#stored.values = {}; // treats all values as changed
    }
    return this.#stored.values;
  }
}
