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

/** Maximum number of attempts to end a session by compare-and-swap while others change it. */
const MAX_TRIES = 100;
/** The record that replaces an ended session. */
const [NOTHING, LONG_AGO] = [new Uint8Array(0), new Date(0)];

/** Reads and writes the records of sessions: one per session for its whole life. */
export class SessionRecords {
  readonly #options: RecordOptions;
  readonly #store: BoundedStore;
  readonly #prefix: string;

  constructor(options: RecordOptions) {
    this.#options = options;
    this.#store = options.store;
    this.#prefix = options.namespace === "" ? "" : `${options.namespace}.`;
  }

  /** Returns the key of a session's record. Contains the namespace, which separates the sessions of managers. */
  keyOf(id: string): string {
    return this.#prefix + id;
  }

  /** Returns the ID of the session under `key`; `undefined` if the key is not of this manager. */
  idOf(key: string): string | undefined {
    if (!key.startsWith(this.#prefix)) return undefined;
    const id = key.slice(this.#prefix.length);
    return hasIdForm(id) ? id : undefined;
  }

  /** Reads the live session of an ID. Does not check a secret. */
  async find(id: string): Promise<FoundSession | undefined> {
    const key = this.keyOf(id);
    return this.sessionIn(id, key, await this.read(key));
  }

  /** Reads a record. */
  read(key: string): Promise<SessionRecord | undefined> {
    return this.#store.find(key);
  }

  /** Decodes the session in a record; `undefined` if there is none, or it is damaged or has ended. */
  sessionIn(id: string, key: string, record: SessionRecord | undefined): FoundSession | undefined {
    if (!record) return undefined; // many stores written for other managers return null
    const content = this.#decode(record.data);
    // A late touch may have kept the record longer than the session.
    if (content === undefined || content.deadline <= this.#options.now()) return undefined;
    return { id, key, record, content };
  }

  #decode(data: Uint8Array): SessionContent | undefined {
    try {
      return checked(this.#options.codec.decode(data));
    } catch (cause) {
      // The parser's message would quote session data.
      const name = cause instanceof Error ? cause.name : typeof cause;
      this.#options.onError(
        new SessionError("CORRUPT", `a stored session cannot be decoded (${name}); it counts as absent`),
      );
      return undefined;
    }
  }

  /** Writes by compare-and-swap if the store has it; otherwise the last write wins. */
  write(key: string, previous: Uint8Array | undefined, { data, expiry }: SessionRecord): Promise<boolean> {
    const { replace } = this.#store;
    if (replace !== undefined) return replace(key, previous, data, expiry);
    return this.#store.commit(key, data, expiry).then(() => true);
  }

  /**
   * Moves the expiry of a live record.
   *
   * @param isConditional Whether the record must be unchanged, because the expiry depends on its content.
   * @returns whether the record is live; `undefined` if others have changed it.
   */
  async touch(
    key: string,
    { data }: SessionRecord,
    expiry: Date,
    isConditional: boolean,
  ): Promise<boolean | undefined> {
    const { touch, replace } = this.#store;
    if (touch !== undefined && !(isConditional && replace !== undefined)) return touch(key, expiry);
    if (await this.write(key, data, { data, expiry })) return true;
    return (await this.read(key)) ? undefined : false;
  }

  /**
   * Ends a session even if others change it meanwhile, while `isMeant` is true for it.
   *
   * @returns the session at its end; `undefined` if it had already ended, or `isMeant` returned false.
   * @throws SessionError `CONFLICT` if others changed it too often, and `isMeant` could have become false.
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
   * Occupies a key until `expiry`, so that no session can be inserted under it.
   *
   * @returns whether the key was free.
   */
  bar(id: string, expiry: Date): Promise<boolean> {
    return this.write(this.keyOf(id), undefined, this.#bar(expiry));
  }

  /** Returns whether the key of an ID is occupied, by a session or by a bar. */
  async isOccupied(id: string): Promise<boolean> {
    return Boolean(await this.#store.find(this.keyOf(id)));
  }

  #bar(expiry: Date): SessionRecord {
    // Readers find no session, because the deadline has passed.
    const content: SessionContent = { version: 1, deadline: 0, meta: { secrets: [] }, values: {} };
    return { data: this.#options.codec.encode(content), expiry };
  }
}

function checked(content: SessionContent): SessionContent {
  checkMeta(content.meta);
  return content;
}
