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
  /** Whether it was this request that ended the session, and no other has begun since. */
  isDestroyed = false;
  /** Whether the session was destroyed during the commit under way: what that saves is to be ended as well. */
  isSaveVoid = false;
  #lastCommit: Promise<unknown> = Promise.resolve();
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

  /** Runs the commits of one session one after the other: side by side, each could begin a session of its own. */
  inTurn<R>(commit: () => Promise<R>): Promise<R> {
    const turn = this.#lastCommit.then(commit);
    this.#lastCommit = turn.catch(() => undefined); // it is for the caller of that commit to handle
    return turn;
  }

  /** Takes over what the store holds. The changes of this request that are not saved stay on top of it. */
  adopt(stored: StoredSession, content: SessionContent): void {
    this.#noteChangesInPlace();
    const inHand = new Map(
      [...this.values].filter(([key]) => this.#exposed.has(key) && !this.#changes.has(key)),
    );
    this.stored = stored;
    if (!this.#isDeadlineOwn) this.deadline = content.deadline;
    this.values.clear();
    this.#exposed.clear();
    for (const [key, value] of Object.entries(content.values)) {
      // What nobody has changed stays the object that the app has in its hands, and may change later on.
      const isInHand = inHand.has(key) && this.#isSame(key, inHand.get(key), value);
      this.values.set(key, isInHand ? inHand.get(key) : value);
      if (isInHand) this.#exposed.add(key);
    }
    for (const [key, change] of this.#changes) {
      if (change.kind === "delete") this.values.delete(key);
      else this.values.set(key, change.value);
      if (change.kind === "set") this.#expose(key, change.value);
    }
  }

  /** Gives the data to write. Changes that are made while it is being written stay for the next draft. */
  draft(): Uint8Array {
    this.#drafted = new Map(this.#changes);
    return this.#encode();
  }

  /** Notes that the last draft is in the store now. */
  saved(stored: StoredSession): void {
    if (this.isSaveVoid) {
      this.destroyedToken = stored.token;
      return;
    }
    this.stored = stored;
    for (const [key, change] of this.#drafted)
      if (this.#changes.get(key) === change) this.#changes.delete(key);
    this.isEnded = false;
    this.isDestroyed = false;
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
    this.isDestroyed = true;
    this.isSaveVoid = true;
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
    if (this.#exposed.size === 0) return false;
    try {
      return Buffer.compare(this.#encode(), this.stored?.record.data ?? Buffer.alloc(0)) !== 0;
    } catch {
      return true; // a value that cannot be saved is for the save to fail at
    }
  }

  #isSame(key: string, one: unknown, other: unknown): boolean {
    const [a, b] = [one, other].map((value) => this.#codec.encode({ deadline: 0, values: { [key]: value } }));
    return Buffer.compare(a as Uint8Array, b as Uint8Array) === 0;
  }

  /** Notes the changes that were made in place, to objects that the app has in its hands. */
  #noteChangesInPlace(): void {
    if (this.stored === undefined || !this.#isExposedChanged()) return;
    const { values } = this.#codec.decode(this.stored.record.data);
    for (const key of this.#exposed) {
      if (this.#changes.has(key) || !this.values.has(key)) continue;
      const value = this.values.get(key);
      if (!this.#isSame(key, value, values[key])) this.set(key, value);
    }
  }
}
