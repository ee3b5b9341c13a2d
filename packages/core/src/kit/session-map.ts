import { type PackedBytes, pack } from "./packed-bytes.js";

/** An entry of a {@link SessionMap}. `expiry` is in ms since the epoch. */
export interface SessionItem {
  data: PackedBytes;
  expiry: number;
}

// A Map copies all its entries when it grows or shrinks, which takes 50 to 200 ms with a million sessions. A copy of one
// of many small maps takes less than a millisecond.
const SHARDS = 256;

/** Maps tokens to sessions in the memory of this process, compactly enough for a million sessions. */
export class SessionMap {
  /** The maps that hold the sessions. Iterating them is safe while they change, as with any `Map`. */
  readonly shards: readonly Map<string, SessionItem>[] = Array.from({ length: SHARDS }, () => new Map());

  get size(): number {
    return this.shards.reduce((sum, shard) => sum + shard.size, 0);
  }

  /** Returns the entry itself, which may be changed in place; `undefined` for a malformed token. */
  get(token: string): SessionItem | undefined {
    return typeof token === "string" ? this.#shard(token).get(token) : undefined;
  }

  /** @throws StoreError `INVALID_ARGUMENT` if `data` is longer than {@link pack} takes. */
  set(token: string, data: Uint8Array | PackedBytes, expiry: number): void {
    const packed = typeof data === "string" ? data : pack(data);
    const shard = this.#shard(token);
    const item = shard.get(token);
    if (item === undefined) shard.set(token, { data: packed, expiry });
    else {
      // Reuses the item: a new one would have to be promoted to the old generation.
      item.data = packed;
      item.expiry = expiry;
    }
  }

  /** Removes an entry. Returns whether there was one. */
  delete(token: string): boolean {
    return typeof token === "string" && this.#shard(token).delete(token);
  }

  clear(): void {
    for (const shard of this.shards) shard.clear();
  }

  #shard(token: string): Map<string, SessionItem> {
    const { length } = token;
    const mixed = token.charCodeAt(0) * 7 + token.charCodeAt(length >> 1) * 31 + token.charCodeAt(length - 1);
    return this.shards[mixed & (SHARDS - 1)] as Map<string, SessionItem>; // NaN for the empty string: shard 0
  }
}
