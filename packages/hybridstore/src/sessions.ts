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
 * The expiry of a session that a batch has deleted, until that is durable. Its place is kept: should the batch fail,
 * a walk over the sessions must meet it once, neither twice nor not at all.
 */
export const DELETED: number = Number.NEGATIVE_INFINITY;

interface Change {
  token: string;
  /** What it was before; `undefined`: not there. */
  data: PackedBytes | undefined;
  expiry: number;
}

/**
 * The sessions in memory. Each change is recorded, to be written to the log, and can be undone until it is flushed.
 * Everything is done at once, on the event loop.
 */
export class Sessions {
  readonly map: SessionMap = new SessionMap();
  readonly #records: RecordBuffer;
  readonly #now: () => number;
  readonly #changes: Change[] = [];
  /** The tokens of the changes, once they were asked for. */
  #unflushed: Set<string> | undefined;
  /** What a snapshot of them takes on the disk; a token that is not ASCII takes a little more. */
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

  /** Carries out a call. */
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

  /** Removes a session that has expired, without a word in the log: whoever replays it sees its expiry. */
  removeExpired(token: string): boolean {
    const item = this.map.get(token);
    if (item === undefined || item.expiry > this.#now() || this.isUnflushed(token)) return false;
    this.remove(token);
    return true;
  }

  /** Whether the log does not yet have the last change of a session: it may yet be refused. */
  isUnflushed(token: string): boolean {
    if (this.#changes.length === 0) return false;
    this.#unflushed ??= new Set(this.#changes.map((change) => change.token));
    return this.#unflushed.has(token);
  }

  /** Yields the live sessions of a shard, and enters those that are not flushed in `unflushed` instead. */
  *entriesOf(shard: Map<string, SessionItem>, unflushed: string[]): Generator<SessionEntry, void> {
    for (const [token, { data, expiry }] of shard) {
      if (this.isUnflushed(token)) unflushed.push(token);
      else if (expiry > this.#now()) yield { token, data: unpack(data), expiry: new Date(expiry) };
    }
  }

  /** In one step. */
  all(): Map<string, Uint8Array> {
    const now = this.#now();
    const live = new Map<string, Uint8Array>();
    for (const shard of this.map.shards) {
      for (const [token, { data, expiry }] of shard) if (expiry > now) live.set(token, unpack(data));
    }
    return live;
  }

  /** The log has the changes so far. */
  flushed(): void {
    for (const { token } of this.#changes) if (this.map.get(token)?.expiry === DELETED) this.remove(token);
    this.#forgetChanges();
  }

  /** The changes so far were refused. */
  undo(): void {
    for (const { token, data, expiry } of this.#changes.reverse()) {
      if (data === undefined) this.remove(token);
      else this.restore(token, data, expiry);
    }
    this.#forgetChanges();
  }

  /** Sets what the log says, without recording it. */
  restore(token: string, data: PackedBytes, expiry: number): void {
    const before = this.map.get(token);
    this.bytes += data.length - (before ? before.data.length : -RECORD_BYTES - token.length);
    this.map.set(token, data, expiry);
  }

  /** Removes what the log says is gone, without recording it. */
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
