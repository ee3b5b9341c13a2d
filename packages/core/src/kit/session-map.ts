import { type PackedBytes, pack } from "./packed-bytes.js";

/** What a {@link SessionMap} keeps of a session. `expiry` is in ms since the epoch. */
export interface SessionItem {
  data: PackedBytes;
  expiry: number;
}

// A Map that grows or shrinks is copied in one go: with a million sessions in one, requests would wait for 50
// to 200 ms. Spread over many Maps, no copy takes a millisecond.
const SHARDS = 256;

/** Sessions by token in the memory of this process, as compact as a million of them ask for. */
export class SessionMap {
  /** All of them, to walk over. A walk may be left between any two, as that of a `Map`. */
  readonly shards: readonly Map<string, SessionItem>[] = Array.from({ length: SHARDS }, () => new Map());

  get size(): number {
    return this.shards.reduce((sum, shard) => sum + shard.size, 0);
  }

  /** Gives the item itself, which may be changed in place. What is malformed was never stored. */
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
      // Not a new item: the collector would have to move it to where the map is, and to clear the old one away.
      item.data = packed;
      item.expiry = expiry;
    }
  }

  /** What is malformed was never stored. */
  delete(token: string): boolean {
    return typeof token === "string" && this.#shard(token).delete(token);
  }

  clear(): void {
    for (const shard of this.shards) shard.clear();
  }

  #shard(token: string): Map<string, SessionItem> {
    const { length } = token;
    const mixed = token.charCodeAt(0) * 7 + token.charCodeAt(length >> 1) * 31 + token.charCodeAt(length - 1);
    return this.shards[mixed & (SHARDS - 1)] as Map<string, SessionItem>; // of an empty string NaN: the first
  }
}
