import type { OwnerEntry } from "./owner-entry.js";

/** Maximum size of the lists remembered, in bytes of their records. */
const MAX_BYTES = 1_048_576;

interface DecodedList {
  data: Uint8Array;
  entries: readonly OwnerEntry[];
}

/** Remembers the entries of lists that are used often: to compare bytes is cheaper than to decode them. */
export class DecodedLists {
  /** By owner's hash; the list used last comes last. */
  readonly #lists: Map<string, DecodedList> = new Map();
  #bytes = 0;

  /** Returns the entries of a list, if these are its bytes still. */
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
