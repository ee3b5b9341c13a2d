import { randomBytes } from "node:crypto";
import { TimeSlice } from "@scs/core/kit";
import type { Database } from "lmdb";
import { HEADER_BYTES, readExpiry, writeExpiry } from "./record.js";

/** Is there when every record that is older than the index has been entered, too. Sorts behind all entries. */
const COMPLETE: Buffer = Buffer.from([0xff]);

/** Bytes of a number that counts up, and of what is random, so that no two processes make the same. */
const NUMBER_BYTES = 6;
const RANDOM_BYTES = 6;

/** How many records are read at a time. */
const PAGE = 64;

/**
 * The sessions in the order in which they expire: keys of the expiry (8 bytes, as in the value) and of what makes each
 * one of its own, the values tokens.
 *
 * Each record has an entry that is not later than its expiry. It may be earlier, and there may be others: a session
 * that lives on keeps the entry that it has, so that to renew it is a single write, and one that is deleted leaves its
 * entry. When its time has come, {@link removeExpired} removes an entry, or moves it to the expiry that the record has by then.
 *
 * The methods that write are for within a write transaction.
 */
export class ExpiryIndex {
  readonly #sessions: Database<Buffer, Buffer>;
  readonly #index: Database<Buffer, Buffer>;
  /** A zero, which no token has; a number, since entries that stand together take few pages to write. */
  readonly #suffix: Buffer = Buffer.concat([Buffer.alloc(1 + NUMBER_BYTES), randomBytes(RANDOM_BYTES)]);
  #added = 0;

  constructor(sessions: Database<Buffer, Buffer>, index: Database<Buffer, Buffer>) {
    this.#sessions = sessions;
    this.#index = index;
  }

  /** Enters a record that has no entry of an earlier time. */
  add(key: Buffer, value: Uint8Array): void {
    this.#suffix.writeUIntBE(++this.#added, 1, NUMBER_BYTES);
    this.#index.put(entryOf(value, this.#suffix), key);
  }

  /** Whether there is an entry for {@link removeExpired}. Outside of a transaction, too. */
  isDue(now: number): boolean {
    return this.#due(now, 1).length > 0;
  }

  /**
   * Removes records that have expired, in the order in which they did, for a slice of time.
   *
   * @returns How many it removed.
   */
  removeExpired(now: number): number {
    const slice = new TimeSlice();
    let removed = 0;
    do {
      const entries = this.#due(now, PAGE);
      for (const entry of entries) if (this.#remove(entry, now)) removed++;
      if (entries.length < PAGE) break;
    } while (!slice.isOver);
    return removed;
  }

  /** The first entries that are due. */
  #due(now: number, limit: number): { key: Buffer; value: Buffer }[] {
    const end = Buffer.alloc(HEADER_BYTES);
    writeExpiry(end, now);
    end.writeUInt32BE(end.readUInt32BE(4) + 1, 4); // a multiple of 64 before: now itself is before the end
    return [...this.#index.getRange({ end, limit })];
  }

  /** Removes an entry that is due, and its record, unless that has been renewed: it gets a new entry. */
  #remove({ key: entry, value: key }: { key: Buffer; value: Buffer }, now: number): boolean {
    const value = this.#sessions.getBinaryFast(key);
    this.#index.remove(entry);
    if (value === undefined || value.length < HEADER_BYTES) return false;
    if (readExpiry(value) > now) {
      this.#index.put(entryOf(value, key), key); // under the token: of a record that has several, one is left
      return false;
    }
    this.#sessions.remove(key);
    return true;
  }

  /** Whether every record has been entered. Outside of a transaction, too. */
  isComplete(): boolean {
    return this.#index.doesExist(COMPLETE);
  }

  /**
   * Enters records that are older than the index, for a slice of time, from `start` on.
   *
   * @returns Where to go on, or `undefined` when it is complete.
   */
  build(start: Buffer | undefined): Buffer | undefined {
    const slice = new TimeSlice();
    let from = start;
    do {
      const range = this.#sessions.getRange({
        ...(from && { start: from, exclusiveStart: true }),
        limit: PAGE,
      });
      const page = [...range];
      for (const { key, value } of page) if (value.length >= HEADER_BYTES) this.add(key, value);
      if (page.length < PAGE) {
        this.#index.put(COMPLETE, Buffer.alloc(0));
        return undefined;
      }
      from = page.at(-1)?.key;
    } while (!slice.isOver);
    return from;
  }
}

/** The value may be a view of the driver's own, which is no Buffer if it is large. */
function entryOf(value: Uint8Array, suffix: Buffer): Buffer {
  const entry = Buffer.allocUnsafe(HEADER_BYTES + suffix.length);
  entry.set(value.subarray(0, HEADER_BYTES));
  entry.set(suffix, HEADER_BYTES);
  return entry;
}
