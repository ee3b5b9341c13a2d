import type { SessionCodec } from "../codecs/codec.js";

type Change = { kind: "set"; value: unknown } | { kind: "delete" };

/**
 * The values of a session as one request sees them, and what of that is not saved. Changes are kept by key, so
 * that they can be applied to what another request saved meanwhile.
 */
export class SessionValues {
  readonly #codec: SessionCodec;
  readonly #values: Map<string, unknown> = new Map();
  /** What is not saved yet, by key. Each change is an object of its own, to tell it from a later one. */
  #changes: Map<string, Change> | undefined;
  /** Those of them that are in the draft under way. */
  #drafted: [string, Change][] | undefined;
  /** Keys of objects that the app has in its hands: it may change them in place. */
  #exposed: Set<string> | undefined;

  constructor(codec: SessionCodec) {
    this.#codec = codec;
  }

  get size(): number {
    return this.#values.size;
  }

  /** Whether a value was set or deleted since the last save. */
  get isChanged(): boolean {
    return this.#changes !== undefined && this.#changes.size > 0;
  }

  /** Whether the app has objects in its hands that it may have changed in place. */
  get isExposed(): boolean {
    return this.#exposed !== undefined && this.#exposed.size > 0;
  }

  has(key: string): boolean {
    return this.#values.has(key);
  }

  keys(): IterableIterator<string> {
    return this.#values.keys();
  }

  toRecord(): Record<string, unknown> {
    return Object.fromEntries(this.#values);
  }

  get(key: string): unknown {
    const value = this.#values.get(key);
    this.#expose(key, value);
    return value;
  }

  set(key: string, value: unknown): void {
    this.#values.set(key, value);
    this.#note(key, { kind: "set", value });
    this.#expose(key, value);
  }

  delete(key: string): boolean {
    if (!this.#values.delete(key)) return false;
    this.#note(key, { kind: "delete" });
    return true;
  }

  #note(key: string, change: Change): void {
    this.#changes ??= new Map();
    this.#changes.set(key, change);
  }

  /** Forgets all, changes included. */
  reset(): void {
    this.#values.clear();
    this.#changes = undefined;
    this.#exposed = undefined;
  }

  /** Takes what is stored for what there is, in a session of which nothing is known yet. */
  load(stored: Record<string, unknown>): void {
    for (const key of Object.keys(stored)) this.#values.set(key, stored[key]);
  }

  /** Takes over what is stored now. The changes that are not saved stay on top of it. */
  merge(stored: Record<string, unknown>): void {
    const inHand = new Map<string, unknown>();
    for (const [key, value] of this.#values)
      if (this.#exposed?.has(key) && !this.#changes?.has(key)) inHand.set(key, value);
    this.#values.clear();
    this.#exposed = undefined;
    for (const [key, value] of Object.entries(stored)) {
      // What nobody has changed stays the object that the app has in its hands, and may change later on.
      const isInHand = inHand.has(key) && this.#isSame(key, inHand.get(key), value);
      this.#values.set(key, isInHand ? inHand.get(key) : value);
      if (isInHand) this.#expose(key, value);
    }
    for (const [key, change] of this.#changes ?? []) {
      if (change.kind === "delete") this.#values.delete(key);
      else this.#values.set(key, change.value);
      if (change.kind === "set") this.#expose(key, change.value);
    }
  }

  /** Notes the changes that were made in place, to objects that the app has in its hands and were `stored` so. */
  noteChangesInPlace(stored: Record<string, unknown>): void {
    for (const key of this.#exposed ?? []) {
      if (this.#changes?.has(key) || !this.#values.has(key)) continue;
      const value = this.#values.get(key);
      if (!this.#isSame(key, value, stored[key])) this.#note(key, { kind: "set", value });
    }
  }

  /** Notes that what there is now is being written. Changes that are made meanwhile stay for the next time. */
  drafted(): void {
    this.#drafted = this.#changes && [...this.#changes];
  }

  /** Notes that what was drafted last is in the store now. */
  saved(): void {
    for (const [key, change] of this.#drafted ?? [])
      if (this.#changes?.get(key) === change) this.#changes.delete(key);
  }

  /** The key of the value that takes most. */
  largest(): string {
    const sizeOf = ([key, value]: [string, unknown]): number =>
      this.#codec.encode({ deadline: 0, values: { [key]: value } }).length;
    const sizes = [...this.#values].map((entry) => ({ key: entry[0], size: sizeOf(entry) }));
    return sizes.reduce((a, b) => (b.size > a.size ? b : a), { key: "", size: 0 }).key;
  }

  #expose(key: string, value: unknown): void {
    if (typeof value !== "object" || value === null) return;
    this.#exposed ??= new Set();
    this.#exposed.add(key);
  }

  #isSame(key: string, one: unknown, other: unknown): boolean {
    const [a, b] = [one, other].map((value) => this.#codec.encode({ deadline: 0, values: { [key]: value } }));
    return Buffer.compare(a as Uint8Array, b as Uint8Array) === 0;
  }
}
