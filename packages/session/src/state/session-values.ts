import type { SessionMeta } from "../codecs/session-meta.js";
import type { SessionEncoder } from "./session-encoder.js";

type Change = { kind: "set"; value: unknown } | { kind: "delete" };

/** An object that the app got before another request changed its key, and its content at that time. */
interface Former {
  key: string;
  value: unknown;
  content: unknown;
}

const OWN = { enumerable: true, configurable: true, writable: true };

/** More of them are not kept, for sessions that are held for long, as by a WebSocket. */
const MAX_FORMER = 100;

/**
 * The values of a session as one request sees them, and what of that is not saved. Changes are kept by key, so
 * that they can be applied to what another request saved meanwhile.
 */
export class SessionValues {
  readonly #encoder: SessionEncoder;
  #values: Map<string, unknown> = new Map();
  /** The data of the record, and the values in it, decoded once more when they are compared: these the app never gets. */
  #stored: { data: Uint8Array; values: Record<string, unknown> | undefined } | undefined;
  /** What is not saved yet, by key. Each change is an object of its own, to tell it from a later one. */
  #changes: Map<string, Change> | undefined;
  /** Those of them that are in the draft under way. */
  #drafted: Map<string, Change> | undefined;
  /** Keys of objects that the app has in its hands: it may change them in place. */
  #exposed: Set<string> | undefined;
  /** Oldest first. */
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

  /** Returns the values without watching them: objects that are changed in place are for the caller to set. */
  entries(): IterableIterator<[string, unknown]> {
    return this.#values.entries();
  }

  keys(): IterableIterator<string> {
    return this.#values.keys();
  }

  /** Returns the values as they are to be saved: with a former object of the app's, if that has changed. */
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
    this.#note(key, { kind: "delete" });
    return true;
  }

  /** Forgets all, changes included. */
  reset(): void {
    this.#values.clear();
    this.#stored = undefined;
    this.#changes = undefined;
    this.#exposed = undefined;
    this.#former = [];
  }

  /** Loads the values of a record's data into an empty session. */
  load(values: Record<string, unknown>, data: Uint8Array): void {
    for (const key of Object.keys(values)) this.#values.set(key, values[key]);
    this.#stored = { data, values: undefined };
  }

  /**
   * Replaces the stored values by those of newer data. Changes that are not saved stay on top of them. An object in
   * the app's hands stays the value of its key if that key is as before. Otherwise `get` returns the newer value, and
   * the object becomes the value again if the app changes it later on: as always, of one key the last change wins.
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
  }

  /** Lists the keys under which `after` holds another value than `before`. */
  changedKeys(before: Record<string, unknown>, after: Record<string, unknown>): string[] {
    return Object.keys(after).filter((key) => !this.#encoder.isSame(after[key], before[key]));
  }

  /** Whether an object that the app has in its hands is not as it was stored. */
  isChangedInPlace(): boolean {
    if (!this.#isAnyInHand()) return false;
    const stored = this.#storedValues();
    for (const key of this.#exposed ?? []) if (this.#isKeyChanged(key, stored)) return true;
    return this.#former.some(({ value, content }) => !this.#encoder.isSame(value, content));
  }

  /**
   * Encodes the session as it is now, for a save. Changes that are made meanwhile stay for the next one.
   *
   * @throws SessionError `INVALID_VALUE`; `TOO_LARGE`, with the key of the largest value.
   */
  draft(deadline: number, meta: SessionMeta): Uint8Array {
    const values = this.toRecord();
    this.#drafted = this.#changes && new Map(this.#changes);
    return this.#encoder.encode({ version: 1, deadline, values, meta });
  }

  /** Notes that the last draft, of this data, is in the store now. */
  saved(data: Uint8Array): void {
    this.#drafted?.forEach((change, key) => {
      if (this.#changes?.get(key) === change) this.#changes.delete(key);
    });
    this.#drafted = undefined;
    this.#stored = { data, values: undefined };
  }

  #put(key: string, value: unknown): void {
    this.#values.set(key, value);
    this.#note(key, { kind: "set", value });
    this.#expose(key, value);
  }

  #note(key: string, change: Change): void {
    this.#changes ??= new Map();
    this.#changes.set(key, change);
  }

  #expose(key: string, value: unknown): void {
    if (!isObject(value)) return;
    this.#exposed ??= new Set();
    this.#exposed.add(key);
  }

  #keepFormer(former: Former): void {
    this.#former.push(former);
    if (this.#former.length > MAX_FORMER) this.#former.shift();
  }

  #forgetFormer(key: string): void {
    if (this.#former.length > 0) this.#former = this.#former.filter((former) => former.key !== key);
  }

  /** Whether the app got any object that is, or was, a stored value. */
  #isAnyInHand(): boolean {
    return this.#stored !== undefined && ((this.#exposed?.size ?? 0) > 0 || this.#former.length > 0);
  }

  #isKeyChanged(key: string, stored: Record<string, unknown>): boolean {
    const value = this.#values.get(key);
    return isObject(value) && !this.#changes?.has(key) && !this.#encoder.isSame(value, stored[key]);
  }

  /** Notes each change in place. Of the objects that the app got for one key, the last one that it changed counts. */
  #noteChangesInPlace(): void {
    if (!this.#isAnyInHand()) return;
    const stored = this.#storedValues();
    // Not only exposed keys: an object may be part of two values.
    for (const [key, value] of this.#values) {
      if (this.#isKeyChanged(key, stored)) this.#note(key, { kind: "set", value });
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

  /** Decodes the stored values once more. */
  #storedValues(): Record<string, unknown> {
    if (this.#stored === undefined) return {};
    try {
      this.#stored.values ??= this.#encoder.decode(this.#stored.data).values;
    } catch {
      this.#stored.values = {}; // all counts as changed then
    }
    return this.#stored.values;
  }
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}
