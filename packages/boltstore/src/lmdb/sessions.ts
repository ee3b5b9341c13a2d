import { report, type SessionEntry, type SessionRecord, StoreError } from "@scs/core";
import type { Database, RootDatabase } from "lmdb";
import { ExpiryIndex } from "./expiry-index.js";
import { toStoreError } from "./lmdb-error.js";
import { copyData, HEADER_BYTES, readExpiry, writeExpiry } from "./record.js";

export interface Entry {
  key: Buffer;
  value: Buffer;
}

/** Maximum number of records of a page, and of its bytes beyond the first record. */
const PAGE_RECORDS = 100;
const PAGE_BYTES = 2 ** 20;

/** The two named databases of a store: the sessions, and their index by expiry. */
export class Sessions {
  readonly index: ExpiryIndex;
  readonly #db: RootDatabase;
  readonly #sessions: Database<Buffer, Buffer>;
  readonly #now: () => number;
  readonly #onError: (error: StoreError) => void;
  #isFresh = false;
  readonly #expireView = (): void => {
    this.#isFresh = false;
  };

  /** @throws StoreError `UNAVAILABLE` if the databases cannot be opened. */
  constructor(db: RootDatabase, options: { now: () => number; onError: (error: StoreError) => void }) {
    this.#db = db;
    this.#now = options.now;
    this.#onError = options.onError;
    const binary = { encoding: "binary", keyEncoding: "binary" } as const;
    try {
      this.#sessions = db.openDB("scs:session", binary);
      this.index = new ExpiryIndex(this.#sessions, db.openDB("scs:session:expiry", binary));
    } catch (cause) {
      throw toStoreError(cause);
    }
  }

  /** Returns the live record. Within a write transaction, sees its writes. */
  find(key: Buffer): SessionRecord | undefined {
    return this.#attempt(() => {
      const value = this.#sessions.getBinaryFast(key); // a view, until the next read
      return value && this.decode(value);
    });
  }

  /** Returns the next records in the order of their keys, including expired and damaged ones. */
  page(after: Buffer | undefined): Entry[] {
    return this.#attempt(() => {
      const page: Entry[] = [];
      let bytes = 0;
      const start = after && { start: after, exclusiveStart: true };
      for (const entry of this.#sessions.getRange({ ...start, limit: PAGE_RECORDS })) {
        page.push(entry);
        bytes += entry.value.length;
        if (bytes >= PAGE_BYTES) break;
      }
      return page;
    });
  }

  /** Decodes the live records of a page. */
  *liveOf(page: readonly Entry[]): Generator<SessionEntry, void> {
    for (const { key, value } of page) {
      const record = this.decode(value);
      if (record !== undefined) yield { token: key.toString(), ...record };
    }
  }

  /** Returns token and data of every live record, in one step. */
  all(): Map<string, Uint8Array> {
    return this.#attempt(() => {
      const live = new Map<string, Uint8Array>();
      for (const { key, value } of this.#sessions.getRange()) {
        const record = this.decode(value);
        if (record !== undefined) live.set(key.toString(), record.data);
      }
      return live;
    });
  }

  /** Returns whether the index is complete. */
  isIndexed(): boolean {
    return this.#attempt(() => this.index.isComplete());
  }

  /** Returns whether there are records to remove. */
  isCleanupDue(): boolean {
    return this.#attempt(() => this.index.isDue(this.#now()));
  }

  /** Decodes a value, and copies its data. Returns `undefined` if the record has expired or is damaged. */
  decode(value: Uint8Array): SessionRecord | undefined {
    if (value.length < HEADER_BYTES) {
      report(
        this.#onError,
        new StoreError("CORRUPT", "boltstore: a record is damaged; it is left as it is, and ignored"),
      );
      return undefined;
    }
    const expiry = readExpiry(value);
    if (expiry <= this.#now()) return undefined;
    return { data: copyData(value), expiry: new Date(expiry) };
  }

  /** Writes a record. Call this and the following methods within a write transaction. */
  write(key: Buffer, value: Buffer): undefined {
    const expiry = readExpiry(value);
    if (expiry <= this.#now()) {
      this.remove(key);
      return;
    }
    const old = this.#sessions.getBinaryFast(key);
    const isIndexed = old !== undefined && old.length >= HEADER_BYTES && readExpiry(old) <= expiry;
    this.#sessions.put(key, value);
    if (!isIndexed) this.index.add(key, value);
  }

  remove(key: Buffer): undefined {
    this.#sessions.remove(key);
  }

  /** Writes if the data of the live record equals `previous`, or both are `undefined`. */
  replace(key: Buffer, previous: Uint8Array | undefined, value: Buffer): boolean {
    const live = this.find(key)?.data;
    const isExpected = live && previous ? Buffer.compare(previous, live) === 0 : live === previous;
    if (isExpected) this.write(key, value);
    return isExpected;
  }

  touch(key: Buffer, expiry: number): boolean {
    const value = this.#sessions.getBinary(key);
    if (value === undefined || this.decode(value) === undefined) return false;
    writeExpiry(value, expiry);
    this.write(key, value);
    return true;
  }

  /** Calls the driver with an up-to-date view, and translates its errors. */
  #attempt<T>(call: () => T): T {
    try {
      this.#refresh();
      return call();
    } catch (cause) {
      throw toStoreError(cause);
    }
  }

  /**
   * Renews the view once per turn of the event loop. The driver keeps its view until a timer fires; by then, another process
   * may have told this one about a newer write. Within a turn, it cannot.
   */
  #refresh(): void {
    if (this.#isFresh) return;
    this.#isFresh = true;
    queueMicrotask(this.#expireView);
    this.#db.resetReadTxn();
  }
}
