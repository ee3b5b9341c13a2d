import type { SessionRecord } from "@scs/core";
import type { SessionCodec, SessionContent } from "./codec.js";

/** A session in the store: the token that leads to it, and what it held when it was last read or written. */
export interface StoredSession {
  token: string;
  record: SessionRecord;
}

type Change = { kind: "set"; value: unknown } | { kind: "delete" };

/**
 * What the manager knows of a session: what the store holds, what the request has made of it, and so what is
 * to be saved. Changes are kept by key, so that they can be applied to what another request saved meanwhile.
 */
export class SessionState {
  readonly #codec: SessionCodec;
  /** What is not saved yet, by key. Each change is an object of its own, to tell it from a later one. */
  readonly #changes: Map<string, Change> = new Map();
  /** Those of them that are in the draft under way. */
  #drafted: Map<string, Change> = new Map();
  /** Keys of objects that the app has in its hands: it may change them in place. */
  readonly #exposed: Set<string> = new Set();
  readonly values: Map<string, unknown> = new Map();
  readonly #newDeadline: () => number;
  deadline: number;
  stored: StoredSession | undefined;
  /** A token that is to be ended in the store. */
  destroyedToken: string | undefined;
  isRenewed = false;
  isEnded = false;
  /** Whether `deadline` was set by this request, and so is to stand against what the store holds. */
  #isDeadlineOwn = false;

  constructor(codec: SessionCodec, newDeadline: () => number) {
    this.#codec = codec;
    this.#newDeadline = newDeadline;
    this.deadline = newDeadline();
  }

  get token(): string | undefined {
    return this.stored?.token;
  }

  /** Takes over what the store holds. The changes of this request that are not saved stay on top of it. */
  adopt(stored: StoredSession, content: SessionContent): void {
    this.#noteChangesInPlace();
    this.stored = stored;
    if (!this.#isDeadlineOwn) this.deadline = content.deadline;
    this.values.clear();
    this.#exposed.clear();
    for (const [key, value] of Object.entries(content.values)) this.values.set(key, value);
    for (const [key, change] of this.#changes) {
      if (change.kind === "delete") this.values.delete(key);
      else this.values.set(key, change.value);
    }
  }

  /** Gives the data to write. Changes that are made while it is being written stay for the next draft. */
  draft(): Uint8Array {
    this.#drafted = new Map(this.#changes);
    return this.#encode();
  }

  /** Notes that the last draft is in the store now. */
  saved(stored: StoredSession): void {
    this.stored = stored;
    for (const [key, change] of this.#drafted)
      if (this.#changes.get(key) === change) this.#changes.delete(key);
    this.isEnded = false;
    this.#isDeadlineOwn = false;
  }

  /** Notes that the session is no more: another request ended it, or its deadline. What it held is not saved. */
  end(): void {
    this.stored = undefined;
    this.isEnded = true;
    this.isRenewed = false;
    this.values.clear();
    this.#changes.clear();
    this.#exposed.clear();
    this.deadline = this.#newDeadline();
    this.#isDeadlineOwn = false;
  }

  get(key: string): unknown {
    const value = this.values.get(key);
    this.#expose(key, value);
    return value;
  }

  set(key: string, value: unknown): void {
    this.values.set(key, value);
    this.#changes.set(key, { kind: "set", value });
    this.#expose(key, value);
  }

  #expose(key: string, value: unknown): void {
    if (typeof value === "object" && value !== null) this.#exposed.add(key);
  }

  delete(key: string): boolean {
    if (!this.values.delete(key)) return false;
    this.#changes.set(key, { kind: "delete" });
    return true;
  }

  renew(newLifetime: boolean): void {
    this.isRenewed = true;
    if (!newLifetime) return;
    this.deadline = this.#newDeadline();
    this.#isDeadlineOwn = true;
  }

  destroy(): void {
    this.destroyedToken ??= this.token;
    this.end();
  }

  /** Whether there is something to write: a change, or a new token for a session that has one. */
  isChanged(): boolean {
    if (this.stored === undefined) return this.values.size > 0;
    return this.isRenewed || this.#changes.size > 0 || this.#isExposedChanged();
  }

  #encode(): Uint8Array {
    return this.#codec.encode({ deadline: this.deadline, values: Object.fromEntries(this.values) });
  }

  #isExposedChanged(): boolean {
    return (
      this.#exposed.size > 0 &&
      Buffer.compare(this.#encode(), this.stored?.record.data ?? Buffer.alloc(0)) !== 0
    );
  }

  /** Notes the changes that were made in place, to objects that the app has in its hands. */
  #noteChangesInPlace(): void {
    if (this.stored === undefined || !this.#isExposedChanged()) return;
    const { values } = this.#codec.decode(this.stored.record.data);
    const bytesOf = (key: string, value: unknown): Uint8Array =>
      this.#codec.encode({ deadline: 0, values: { [key]: value } });
    for (const key of this.#exposed) {
      if (this.#changes.has(key) || !this.values.has(key)) continue;
      const value = this.values.get(key);
      if (Buffer.compare(bytesOf(key, value), bytesOf(key, values[key])) !== 0) this.set(key, value);
    }
  }
}
