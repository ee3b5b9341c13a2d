import type { AtomicStore, SessionRecord, Store, TouchableStore } from "@scs/core";
import type { SessionCodec, SessionContent } from "../codecs/codec.js";
import { isIndexKey } from "../owners/owner-index.js";
import { SessionError } from "../session-error.js";
import { sha256 } from "./session-token.js";

export interface RecordOptions {
  store: Store;
  hashTokens: boolean;
  namespace: string;
  codec: SessionCodec;
  now: () => number;
  onError: (error: Error) => void;
}

/** A record that was found, and what it holds. */
export interface FoundSession {
  key: string;
  record: SessionRecord;
  content: SessionContent;
}

/** Renewals within one grace that an old token is led through. */
const MAX_HOPS = 16;
/** Changes by others that the end of a session is ready to come after by compare-and-swap. */
const MAX_TRIES = 100;
/** What takes the place of a session that has ended. */
const [NOTHING, LONG_AGO] = [new Uint8Array(0), new Date(0)];

/** The records of sessions in the store, by key. */
export class SessionRecords {
  readonly store: Store & Partial<AtomicStore & TouchableStore>;
  readonly #options: RecordOptions;

  constructor(options: RecordOptions) {
    this.store = options.store;
    this.#options = options;
  }

  /** Where the session of a token is. Its namespace is part of it: a token of one manager is none of another's. */
  keyOf(token: string): string {
    const { namespace, hashTokens } = this.#options;
    const name = namespace === "" ? token : `${namespace}.${token}`;
    return hashTokens ? sha256(name) : name;
  }

  /** Whether a record of the store is not an owner's list. */
  isSession(key: string): boolean {
    return !isIndexKey(key);
  }

  /** Gives the session under `key`, or the one that a renewal's grace leads to from there. */
  async find(key: string): Promise<FoundSession | undefined> {
    let at = key;
    for (let hop = 0; hop < MAX_HOPS; hop++) {
      const record = await this.store.find(at);
      if (record === undefined) return undefined;
      const content = this.decode(record.data);
      // A touch that came late may have kept the record of a grace for longer than the grace.
      if (content === undefined || content.deadline <= this.#options.now()) return undefined;
      if (content.meta.next === undefined) return { key: at, record, content };
      at = content.meta.next;
    }
    return undefined;
  }

  /** Gives what the bytes of a record say; `undefined`, reported, if they cannot be decoded. */
  decode(data: Uint8Array): SessionContent | undefined {
    try {
      return this.#options.codec.decode(data);
    } catch (cause) {
      // The parser's own message would quote what it could not parse, which is session data.
      const name = cause instanceof Error ? cause.name : typeof cause;
      this.#options.onError(
        new SessionError("CORRUPT", `a stored session cannot be decoded (${name}); it counts as absent`),
      );
      return undefined;
    }
  }

  /** Compare-and-swap where the store can; elsewhere the last write wins. */
  async write(
    key: string,
    previous: Uint8Array | undefined,
    { data, expiry }: SessionRecord,
  ): Promise<boolean> {
    if (this.store.replace !== undefined) return this.store.replace(key, previous, data, expiry);
    await this.store.commit(key, data, expiry);
    return true;
  }

  /**
   * Ends the session that was found under `key` with this data, wherever others have taken it by now: they may be
   * changing it, or renewing it with a grace, at this moment. One that they have renewed without is another.
   */
  async destroy(key: string, data: Uint8Array): Promise<void> {
    const { replace } = this.store;
    let [at, current] = [key, data];
    for (let tries = 0; replace !== undefined && tries < MAX_TRIES; tries++) {
      if (await replace.call(this.store, at, current, NOTHING, LONG_AGO)) return;
      const found = await this.find(at);
      if (found === undefined) break;
      at = found.key;
      current = found.record.data;
    }
    await this.store.delete(at);
  }

  /**
   * Ends the record under `key` if it still has this data. With a grace, it leads to `next` for so long.
   *
   * @returns whether it did.
   */
  async end(key: string, data: Uint8Array, next: string, graceMs: number): Promise<boolean> {
    if (graceMs > 0) {
      const deadline = this.#options.now() + graceMs;
      const pointer = this.#options.codec.encode({ version: 1, deadline, values: {}, meta: { next } });
      return this.write(key, data, { data: pointer, expiry: new Date(deadline) });
    }
    if (this.store.replace !== undefined) {
      return this.store.replace(key, data, NOTHING, LONG_AGO);
    }
    await this.store.delete(key);
    return true;
  }
}
