import type { SessionRecord } from "@scs/core";
import type { SessionCodec, SessionContent } from "../codecs/codec.js";
import { SessionError } from "../session-error.js";
import type { BoundedStore } from "./bounded-store.js";
import { checkMeta } from "./meta-check.js";
import { hasIdForm } from "./session-token.js";
import type { FoundSession } from "./stored-session.js";

export interface RecordOptions {
  store: BoundedStore;
  namespace: string;
  codec: SessionCodec;
  now: () => number;
  onError: (error: Error) => void;
}

/** Changes by others that the end of a session is ready to come after by compare-and-swap. */
const MAX_TRIES = 100;
/** What takes the place of a session that has ended. */
const [NOTHING, LONG_AGO] = [new Uint8Array(0), new Date(0)];

/** The records of sessions in the store, one per session for its whole life, by key. */
export class SessionRecords {
  readonly #options: RecordOptions;
  readonly #store: BoundedStore;
  readonly #prefix: string;

  constructor(options: RecordOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#prefix = options.namespace === "" ? "" : `${options.namespace}.`;
  }

  /** Names the record of a session. The namespace is part of it: a session of one manager is none of another's. */
  keyOf(id: string): string {
    return this.#prefix + id;
  }

  /** Returns the ID of the session under `key`; `undefined` if that is no session of this manager's. */
  idOf(key: string): string | undefined {
    if (!key.startsWith(this.#prefix)) return undefined;
    const id = key.slice(this.#prefix.length);
    return hasIdForm(id) ? id : undefined;
  }

  /** Reads the live session of an ID. Who has sent the ID need not have its secret. */
  async find(id: string): Promise<FoundSession | undefined> {
    const key = this.keyOf(id);
    const record = await this.#store.find(key);
    // Many a store, written for other managers, returns null.
    return record ? this.sessionIn(id, key, record) : undefined;
  }

  /** Tells what session a record holds; `undefined` if it is damaged, or holds one no more. */
  sessionIn(id: string, key: string, record: SessionRecord): FoundSession | undefined {
    const content = this.#decode(record.data);
    // A touch that came late may have kept the record for longer than the session.
    if (content === undefined || content.deadline <= this.#options.now()) return undefined;
    return { id, key, record, content };
  }

  #decode(data: Uint8Array): SessionContent | undefined {
    try {
      return checked(this.#options.codec.decode(data));
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
  write(key: string, previous: Uint8Array | undefined, { data, expiry }: SessionRecord): Promise<boolean> {
    const { replace } = this.#store;
    if (replace !== undefined) return replace(key, previous, data, expiry);
    return this.#store.commit(key, data, expiry).then(() => true);
  }

  /**
   * Moves the expiry of a record that is live.
   *
   * @returns whether it is; where the store cannot touch, `undefined` if others have changed it meanwhile.
   */
  async touch(key: string, { data }: SessionRecord, expiry: Date): Promise<boolean | undefined> {
    if (this.#store.touch !== undefined) return this.#store.touch(key, expiry);
    return (await this.write(key, data, { data, expiry })) || undefined;
  }

  /**
   * Ends a session that was found, whatever others change in it meanwhile, for as long as it is the one that is
   * meant.
   *
   * @returns the session as it was at its end; `undefined` if it is there no more, or is not meant any more.
   * @throws SessionError `CONFLICT` if others changed it too often, and it may not be meant any more.
   */
  async end(
    known: FoundSession,
    isMeant?: (session: FoundSession) => boolean,
  ): Promise<FoundSession | undefined> {
    let found: FoundSession | undefined = known;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (found === undefined || isMeant?.(found) === false) return undefined;
      if (await this.#remove(found)) return found;
      found = await this.find(known.id);
    }
    if (isMeant === undefined) {
      await this.#store.delete(known.key);
      return found;
    }
    throw new SessionError(
      "CONFLICT",
      `others changed a session ${MAX_TRIES} times while it was being ended`,
    );
  }

  async #remove({ key, record, content }: FoundSession): Promise<boolean> {
    const { barredUntil = 0 } = content.meta;
    if (barredUntil > this.#options.now()) {
      return this.write(key, record.data, this.#bar(new Date(barredUntil)));
    }
    if (this.#store.replace !== undefined) {
      return this.#store.replace(key, record.data, NOTHING, LONG_AGO);
    }
    await this.#store.delete(key);
    return true;
  }

  /**
   * Occupies the key of a session that is about to be inserted, so that it cannot be, until `expiry`.
   *
   * @returns whether the key was free.
   */
  bar(id: string, expiry: Date): Promise<boolean> {
    return this.write(this.keyOf(id), undefined, this.#bar(expiry));
  }

  /** Tells whether the key of an ID is occupied, by a session or by a bar. */
  async isOccupied(id: string): Promise<boolean> {
    return Boolean(await this.#store.find(this.keyOf(id)));
  }

  #bar(expiry: Date): SessionRecord {
    // Its deadline has passed: whoever reads it finds no session.
    const content: SessionContent = { version: 1, deadline: 0, meta: { secrets: [] }, values: {} };
    return { data: this.#options.codec.encode(content), expiry };
  }
}

function checked(content: SessionContent): SessionContent {
  checkMeta(content.meta);
  return content;
}
