import type { SessionEntry, SessionRecord } from "@scs/core";
import {
  type Answer,
  type Call,
  type PackedBytes,
  pack,
  type SessionItem,
  SessionMap,
  unpack,
} from "@scs/core/kit";
import { kinds, RECORD_BYTES, type RecordBuffer } from "./log/record.js";

/**
 * Expiry of a deleted session until the deletion is durable. The session keeps its place in the map: if the batch fails, an
 * iteration must yield it exactly once.
 */
export const DELETED: number = Number.NEGATIVE_INFINITY;

interface Change {
  token: string;
  /** The data before the change; `undefined` if there was no session. */
  data: PackedBytes | undefined;
  expiry: number;
}

/**
 * Keeps the sessions in memory. Appends a record of each change to a buffer for the log, and can undo changes until they
 * are flushed. All methods are synchronous.
 */
export class Sessions {
  readonly map: SessionMap = new SessionMap();
  readonly #records: RecordBuffer;
  readonly #now: () => number;
  readonly #changes: Change[] = [];
  /** Tokens of the changes, computed on demand. */
  #unflushed: Set<string> | undefined;
  /** Approximate size of a snapshot in bytes: counts a non-ASCII character as one byte. */
  bytes = 0;

  constructor(records: RecordBuffer, now: () => number) {
    this.#records = records;
    this.#now = now;
  }

  live(token: string): SessionItem | undefined {
    const item = this.map.get(token);
    return item !== undefined && item.expiry > this.#now() ? item : undefined;
  }

  find(token: string): SessionRecord | undefined {
    const item = this.live(token);
    return item && { data: unpack(item.data), expiry: new Date(item.expiry) };
  }

  /** Executes a call. */
  decide(call: Call): Answer {
    const { kind, token } = call;
    switch (kind) {
      case "find":
        return this.find(token);
      case "commit":
        return this.commit(token, pack(call.data), call.expiry);
      case "delete":
        return this.delete(token);
      case "replace": {
        const { previous, data, expiry } = call;
        if (this.live(token)?.data !== (previous && pack(previous))) return false;
        this.commit(token, pack(data), expiry);
        return true;
      }
      case "touch":
        return this.touch(token, call.expiry);
    }
  }

  commit(token: string, data: PackedBytes, expiry: number): undefined {
    if (expiry <= this.#now()) this.delete(token);
    else {
      this.#note(token);
      this.#records.append(kinds.put, token, data, expiry);
      this.restore(token, data, expiry);
    }
  }

  delete(token: string): undefined {
    const item = this.map.get(token);
    if (item === undefined || item.expiry === DELETED) return;
    this.#note(token);
    this.#records.append(kinds.delete, token, "", 0);
    item.expiry = DELETED;
  }

  touch(token: string, expiry: number): boolean {
    const item = this.live(token);
    if (item === undefined) return false;
    this.#note(token);
    this.#records.append(kinds.touch, token, "", expiry);
    item.expiry = expiry;
    return true;
  }

  /** Removes an expired session. Needs no record in the log, which contains the expiry. */
  removeExpired(token: string): boolean {
    const item = this.map.get(token);
    if (item === undefined || item.expiry > this.#now() || this.isUnflushed(token)) return false;
    this.remove(token);
    return true;
  }

  /** Returns whether the last change of a session is not in the log yet, and may still be undone. */
  isUnflushed(token: string): boolean {
    if (this.#changes.length === 0) return false;
    this.#unflushed ??= new Set(this.#changes.map((change) => change.token));
    return this.#unflushed.has(token);
  }

  /** Yields the live sessions of a shard. Adds those with unflushed changes to `unflushed` instead. */
  *entriesOf(shard: Map<string, SessionItem>, unflushed: string[]): Generator<SessionEntry, void> {
    for (const [token, { data, expiry }] of shard) {
      if (this.isUnflushed(token)) unflushed.push(token);
      else if (expiry > this.#now()) yield { token, data: unpack(data), expiry: new Date(expiry) };
    }
  }

  /** Returns token and data of all live sessions, in one step. */
  all(): Map<string, Uint8Array> {
    const now = this.#now();
    const live = new Map<string, Uint8Array>();
    for (const shard of this.map.shards) {
      for (const [token, { data, expiry }] of shard) if (expiry > now) live.set(token, unpack(data));
    }
    return live;
  }

  /** Marks the changes so far as written to the log. */
  flushed(): void {
    for (const { token } of this.#changes) if (this.map.get(token)?.expiry === DELETED) this.remove(token);
    this.#forgetChanges();
  }

  /** Undoes the changes since the last flush. */
  undo(): void {
    for (const { token, data, expiry } of this.#changes.reverse()) {
      if (data === undefined) this.remove(token);
      else this.restore(token, data, expiry);
    }
    this.#forgetChanges();
  }

  /** Sets a session without recording a change. */
  restore(token: string, data: PackedBytes, expiry: number): void {
    const before = this.map.get(token);
    this.bytes += data.length - (before ? before.data.length : -RECORD_BYTES - token.length);
    this.map.set(token, data, expiry);
  }

  /** Removes a session without recording a change. */
  remove(token: string): void {
    const before = this.map.get(token);
    if (before === undefined) return;
    this.bytes -= RECORD_BYTES + token.length + before.data.length;
    this.map.delete(token);
  }

  #note(token: string): void {
    const item = this.map.get(token);
    this.#changes.push({ token, data: item?.data, expiry: item?.expiry ?? DELETED });
    this.#unflushed = undefined;
  }

  #forgetChanges(): void {
    this.#changes.length = 0;
    this.#unflushed = undefined;
  }
}
