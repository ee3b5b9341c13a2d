import { randomBytes } from "node:crypto";
import { TimeSlice } from "@scs/core/kit";
import type { Database } from "lmdb";
import { HEADER_BYTES, readExpiry, writeExpiry } from "./record.js";

/** Key that marks the index as complete: it includes the records older than the index. Sorts after all entries. */
const COMPLETE: Buffer = Buffer.from([0xff]);

/** Size of the counter in a suffix. Random bytes follow it, so that no two processes create the same suffix. */
const NUMBER_BYTES = 6;
const RANDOM_BYTES = 6;

/** Number of records read at a time. */
const PAGE = 64;

/**
 * An index of the sessions by expiry. A key is the expiry (8 bytes, as in the value) and a unique suffix, the value is the
 * token.
 *
 * Each record has an entry that is not later than its expiry. It may be earlier, and there may be several: renewing a
 * session keeps its entry, which saves a write, and deleting a session leaves its entry. {@link removeExpired} removes an
 * entry that is due, or moves it to the current expiry of the record.
 *
 * Call the methods that write within a write transaction.
 */
export class ExpiryIndex {
  readonly #sessions: Database<Buffer, Buffer>;
  readonly #index: Database<Buffer, Buffer>;
  /** A zero, which no token contains; a counter, because adjacent entries share pages; random bytes. */
  readonly #suffix: Buffer = Buffer.concat([Buffer.alloc(1 + NUMBER_BYTES), randomBytes(RANDOM_BYTES)]);
  #added = 0;

  constructor(sessions: Database<Buffer, Buffer>, index: Database<Buffer, Buffer>) {
    this.#sessions = sessions;
    this.#index = index;
  }

  /** Adds an entry for a record that has none before its expiry. */
  add(key: Buffer, value: Uint8Array): void {
    this.#suffix.writeUIntBE(++this.#added, 1, NUMBER_BYTES);
    this.#index.put(entryOf(value, this.#suffix), key);
  }

  /** Returns whether an entry is due. Works outside of a transaction too. */
  isDue(now: number): boolean {
    return this.#due(now, 1).length > 0;
  }

  /**
   * Removes expired records, in the order of their expiries, for a slice of time.
   *
   * @returns The number of records removed.
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

  /** Returns the first entries that are due. */
  #due(now: number, limit: number): { key: Buffer; value: Buffer }[] {
    const end = Buffer.alloc(HEADER_BYTES);
    writeExpiry(end, now);
    end.writeUInt32BE(end.readUInt32BE(4) + 1, 4); // low bits are 0 before this: the range includes now itself
    return [...this.#index.getRange({ end, limit })];
  }

  /** Removes an entry that is due, and its record. A renewed record gets a new entry instead. */
  #remove({ key: entry, value: key }: { key: Buffer; value: Buffer }, now: number): boolean {
    const value = this.#sessions.getBinaryFast(key);
    this.#index.remove(entry);
    if (value === undefined || value.length < HEADER_BYTES) return false;
    if (readExpiry(value) > now) {
      this.#index.put(entryOf(value, key), key); // keyed by the token, so that several entries of a record become one
      return false;
    }
    this.#sessions.remove(key);
    return true;
  }

  /** Returns whether every record has an entry. Works outside of a transaction too. */
  isComplete(): boolean {
    return this.#index.doesExist(COMPLETE);
  }

  /**
   * Adds entries for records that are older than the index, from `start` on, for a slice of time.
   *
   * @returns The key to continue from, or `undefined` when the index is complete.
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

/** Returns the key of an entry. `value` may be a view of the driver, which is no Buffer if it is large. */
function entryOf(value: Uint8Array, suffix: Buffer): Buffer {
  const entry = Buffer.allocUnsafe(HEADER_BYTES + suffix.length);
  entry.set(value.subarray(0, HEADER_BYTES));
  entry.set(suffix, HEADER_BYTES);
  return entry;
}
