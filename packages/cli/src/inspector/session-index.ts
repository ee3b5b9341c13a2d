import type { InspectedSession } from "@scs/session";
import { NOBODY, OwnerTable } from "./owner-table.js";
import { packKeys, sortedOrder } from "./sorted-order.js";

export const SORT_KEYS = ["owner", "created", "lastSeen", "expiry", "bytes"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface RowQuery {
  sort: SortKey;
  isDescending: boolean;
  /** Part of an owner's name, or prefix of a handle or ID. */
  search: string;
  /** Hash of the owner whose sessions are listed. */
  owner: string | undefined;
  offset: number;
  limit: number;
}

export interface Row {
  handle: string;
  owner: string | undefined;
  ownerHash: string | undefined;
  /** In ms since the epoch; 0 if unknown. */
  created: number;
  lastSeen: number;
  expiry: number;
  bytes: number;
}

/** Length of a session's ID. */
const ID_LENGTH = 22;

/**
 * Sorts and searches sessions for the inspector's page. Takes about 60 bytes per session, in arrays of numbers, so that a
 * million sessions fit into memory and are sorted quickly.
 */
export class SessionIndex {
  #size = 0;
  #ids: Buffer = Buffer.alloc(1024 * ID_LENGTH);
  #ownerNumbers: Uint32Array = new Uint32Array(1024);
  #created: Float64Array = new Float64Array(1024);
  #lastSeen: Float64Array = new Float64Array(1024);
  #expiry: Float64Array = new Float64Array(1024);
  #bytes: Uint32Array = new Uint32Array(1024);
  #isEnded: Uint8Array = new Uint8Array(1024);
  #ended = 0;
  readonly #orders: Map<SortKey, Uint32Array> = new Map();
  readonly owners: OwnerTable = new OwnerTable();
  totalBytes = 0;

  /** Number of sessions. */
  get sessions(): number {
    return this.#size - this.#ended;
  }

  add({ handle, owner, ownerHash, created, lastSeen, expiry, bytes }: InspectedSession): void {
    if (this.#size === this.#ownerNumbers.length) this.#grow();
    const at = this.#size++;
    this.#ids.write(handle.slice(-ID_LENGTH), at * ID_LENGTH, "latin1");
    this.#ownerNumbers[at] = this.owners.add(ownerHash ?? "", owner);
    this.#created[at] = created?.getTime() ?? 0;
    this.#lastSeen[at] = lastSeen?.getTime() ?? 0;
    this.#expiry[at] = expiry.getTime();
    this.#bytes[at] = bytes;
    this.totalBytes += bytes;
  }

  /** Removes ended sessions. */
  remove(handles: ReadonlySet<string>): void {
    for (let at = 0; at < this.#size; at++) {
      if (this.#isEnded[at] || !handles.has(this.#handleAt(at))) continue;
      this.#isEnded[at] = 1;
      this.#ended++;
      this.totalBytes -= this.#bytes[at] ?? 0;
      this.owners.remove(this.#ownerNumbers[at] ?? NOBODY);
    }
  }

  /** Returns a page of the matching sessions, and their total number. */
  rows({ sort, isDescending, search, owner, offset, limit }: RowQuery): { total: number; rows: Row[] } {
    const isMeant = this.#filter(search, owner);
    const order = this.#orderBy(sort);
    const found: number[] = [];
    let total = 0;
    for (let step = 0; step < this.#size; step++) {
      const at = order[isDescending ? this.#size - 1 - step : step] ?? 0;
      if (this.#isEnded[at] || !isMeant(at)) continue;
      if (total >= offset && found.length < limit) found.push(at);
      total++;
    }
    return { total, rows: found.map((at) => this.#rowAt(at)) };
  }

  /** Returns the handles of an owner's sessions. */
  handlesOf(hash: string): string[] {
    const number = this.owners.numberOf(hash);
    const handles: string[] = [];
    for (let at = 0; at < this.#size; at++) {
      if (this.#ownerNumbers[at] === number && !this.#isEnded[at]) handles.push(this.#handleAt(at));
    }
    return handles;
  }

  #filter(search: string, owner: string | undefined): (at: number) => boolean {
    if (owner !== undefined) {
      const number = this.owners.numberOf(owner);
      return (at) => this.#ownerNumbers[at] === number;
    }
    if (search === "") return () => true;
    const meant = new Uint8Array(this.owners.size);
    for (let number = 1; number < meant.length; number++) {
      meant[number] = this.owners.isMeant(number, search) ? 1 : 0;
    }
    const part = search.split(".").at(-1) ?? "";
    const id = Buffer.from(/^[\w-]{3,22}$/.test(part) ? part : "", "latin1");
    return (at) => {
      if (meant[this.#ownerNumbers[at] ?? NOBODY]) return true;
      const start = at * ID_LENGTH;
      return id.length > 0 && this.#ids.compare(id, 0, id.length, start, start + id.length) === 0;
    };
  }

  #orderBy(sort: SortKey): Uint32Array {
    const known = this.#orders.get(sort);
    if (known !== undefined) return known;
    const columns = {
      created: this.#created,
      lastSeen: this.#lastSeen,
      expiry: this.#expiry,
      bytes: this.#bytes,
    };
    const keys = sort === "owner" ? this.#ownerRanks() : columns[sort];
    const order = sortedOrder(packKeys(keys, this.#size));
    this.#orders.set(sort, order);
    return order;
  }

  #ownerRanks(): Uint32Array {
    const ranks = this.owners.ranks();
    return this.#ownerNumbers.subarray(0, this.#size).map((number) => ranks[number] ?? 0);
  }

  #rowAt(at: number): Row {
    const number = this.#ownerNumbers[at] ?? NOBODY;
    return {
      handle: this.#handleAt(at),
      owner: this.owners.nameOf(number),
      ownerHash: number === NOBODY ? undefined : this.owners.hashOf(number),
      created: this.#created[at] ?? 0,
      lastSeen: this.#lastSeen[at] ?? 0,
      expiry: this.#expiry[at] ?? 0,
      bytes: this.#bytes[at] ?? 0,
    };
  }

  #handleAt(at: number): string {
    const id = this.#ids.toString("latin1", at * ID_LENGTH, (at + 1) * ID_LENGTH);
    const hash = this.owners.hashOf(this.#ownerNumbers[at] ?? NOBODY);
    return hash === "" ? id : `${hash}.${id}`;
  }

  #grow(): void {
    const length = this.#ownerNumbers.length * 2;
    const ids = Buffer.alloc(length * ID_LENGTH);
    this.#ids.copy(ids);
    this.#ids = ids;
    this.#ownerNumbers = filled(new Uint32Array(length), this.#ownerNumbers);
    this.#created = filled(new Float64Array(length), this.#created);
    this.#lastSeen = filled(new Float64Array(length), this.#lastSeen);
    this.#expiry = filled(new Float64Array(length), this.#expiry);
    this.#bytes = filled(new Uint32Array(length), this.#bytes);
    this.#isEnded = filled(new Uint8Array(length), this.#isEnded);
  }
}

function filled<A extends Float64Array | Uint32Array | Uint8Array>(longer: A, array: A): A {
  longer.set(array);
  return longer;
}
