import type { OwnerEntry } from "./owner-entry.js";

/** Maximum size of all remembered lists, in bytes of their records. */
const MAX_BYTES = 1_048_576;

interface DecodedList {
  data: Uint8Array;
  entries: readonly OwnerEntry[];
}

/** Caches the entries of frequently used lists, because comparing bytes is cheaper than decoding them. */
export class DecodedLists {
  /** The lists by owner's hash, most recently used last. */
  readonly #lists: Map<string, DecodedList> = new Map();
  #bytes = 0;

  /** Returns the cached entries of a list, if its bytes are unchanged. */
  entriesOf(hash: string, data: Uint8Array): readonly OwnerEntry[] | undefined {
    const list = this.#lists.get(hash);
    return list !== undefined && Buffer.compare(list.data, data) === 0 ? list.entries : undefined;
  }

  add(hash: string, data: Uint8Array, entries: readonly OwnerEntry[]): void {
    this.#forget(hash);
    this.#lists.set(hash, { data, entries });
    this.#bytes += data.length;
    for (const eldest of this.#lists.keys()) {
      if (this.#bytes <= MAX_BYTES) return;
      this.#forget(eldest);
    }
  }

  #forget(hash: string): void {
    this.#bytes -= this.#lists.get(hash)?.data.length ?? 0;
    this.#lists.delete(hash);
  }
}
