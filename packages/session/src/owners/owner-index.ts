import type { AtomicStore } from "@scs/core";
import { sha256 } from "../persistence/session-token.js";
import { SessionError } from "../session-error.js";

/** One session in its owner's list. */
export interface IndexEntry {
  /** Random; stays through renewals. */
  id: string;
  /** Under which of these keys the session is: the newest first, more than one while a renewal is under way. */
  keys: string[];
  /** When it came into the list, in ms since the epoch. */
  created: number;
  /** Its absolute deadline, in ms since the epoch. */
  deadline: number;
  /** When the entry was last changed, in ms since the epoch. */
  at: number;
}

export interface OwnerIndexOptions {
  store: AtomicStore;
  namespace: string;
  maxPerOwner: number;
  now: () => number;
  /** Whether there is anything under the key of a session. */
  isLive: (key: string) => Promise<boolean>;
  onError: (error: Error) => void;
}

/** Changes by others that one change of a list is ready to be put on top of, before it gives up. */
const MAX_TRIES = 100;

/** An entry comes before its session: for so long, one that leads nowhere may be about to. */
const PENDING_MS = 300_000;

/** At each multiple of so many entries, those that lead nowhere are looked for. */
const PRUNE_EVERY = 64;

const PREFIX = "owner.";

/** Whether a record is an owner's list. Neither a token nor the hash of one has a dot. */
export function isIndexKey(key: string): boolean {
  return key.startsWith(PREFIX) && key.length === PREFIX.length + 43;
}

/**
 * The sessions of each owner: a record per owner in the store of the sessions, changed by compare-and-swap.
 *
 * An entry is made before its session, and removed after it: a crash in between may leave an entry that leads
 * nowhere, and never a session that is missing from its owner's list.
 */
export class OwnerIndex {
  readonly #options: OwnerIndexOptions;
  readonly #now: () => number;

  constructor(options: OwnerIndexOptions) {
    this.#options = options;
    this.#now = options.now;
  }

  /** What stands for an owner in the store and in handles: SHA-256, so that neither tells who it is. */
  hashOf(owner: string): string {
    return sha256(`owner\0${this.#options.namespace}\0${owner}`);
  }

  /** The owner's entries whose deadline has not passed, the eldest first. `hash` is that of {@link hashOf}. */
  async entries(hash: string): Promise<IndexEntry[]> {
    return this.#current((await this.#options.store.find(PREFIX + hash))?.data);
  }

  /**
   * Notes that a session is about to be under `key`. Makes room for it first, if the owner has too many.
   *
   * @returns whether the entry is a new one, and those that it took the place of, whose sessions it has ended.
   */
  async put(
    hash: string,
    { id, key, deadline }: { id: string; key: string; deadline: number },
  ): Promise<{ isNew: boolean; evicted: IndexEntry[] }> {
    let isNew = false;
    const evicted = new Map<string, IndexEntry>();
    await this.#update(hash, async (entries) => {
      const at = this.#now();
      const known = entries.find((entry) => entry.id === id);
      isNew = known === undefined;
      if (known !== undefined) {
        const keys = [key, ...known.keys.filter((other) => other !== key)];
        return entries.map((entry) => (entry === known ? { ...known, keys, deadline, at } : entry));
      }
      const kept = await this.#makeRoom(entries, evicted);
      return [...kept, { id, keys: [key], created: at, deadline, at }];
    });
    return { isNew, evicted: [...evicted.values()] };
  }

  /** Notes that the session is under `key` no more. */
  async drop(hash: string, id: string, key: string): Promise<void> {
    await this.#update(hash, (entries) => {
      const known = entries.find((entry) => entry.id === id);
      if (known === undefined || !known.keys.includes(key)) return undefined;
      const keys = known.keys.filter((other) => other !== key);
      if (keys.length === 0) return entries.filter((entry) => entry !== known);
      return entries.map((entry) => (entry === known ? { ...known, keys } : entry));
    });
  }

  async remove(hash: string, id: string): Promise<void> {
    await this.#update(hash, (entries) =>
      entries.some((entry) => entry.id === id) ? entries.filter((entry) => entry.id !== id) : undefined,
    );
  }

  /**
   * Removes the entry of a session that has ended under `key`. A renewal may have it under another by now, which it
   * noted here before: it ends there as well.
   */
  async removeEnded(hash: string, id: string, key: string): Promise<void> {
    await this.#update(hash, async (entries) => {
      const known = entries.find((entry) => entry.id === id);
      if (known === undefined) return undefined;
      for (const other of known.keys.toReversed()) if (other !== key) await this.#options.store.delete(other);
      return entries.filter((entry) => entry !== known);
    });
  }

  async has(hash: string, id: string): Promise<boolean> {
    return (await this.entries(hash)).some((entry) => entry.id === id);
  }

  /** Ends the sessions of the entries that `isWanted`, and then removes these; gives those that led to a session. */
  async end(hash: string, isWanted: (entry: IndexEntry) => boolean): Promise<IndexEntry[]> {
    const ended = new Map<string, IndexEntry>();
    await this.#update(hash, async (entries) => {
      const wanted = entries.filter(isWanted);
      if (wanted.length === 0) return undefined;
      for (const entry of wanted) if (await this.#endSession(entry)) ended.set(entry.id, entry);
      return entries.filter((entry) => !wanted.includes(entry));
    });
    return [...ended.values()];
  }

  /** Removes the entries that lead nowhere, and will not. */
  async prune(hash: string): Promise<void> {
    await this.#update(hash, async (entries) => {
      const kept = await this.#pruned(entries);
      return kept.length < entries.length ? kept : undefined;
    });
  }

  /**
   * The eldest key first: a renewal inserts the session under its new key before it ends the old one, so that
   * whoever deletes in this order misses it under neither.
   *
   * @returns whether there was a session.
   */
  async #endSession({ keys }: IndexEntry): Promise<boolean> {
    let wasLive = false;
    for (const key of keys.toReversed()) {
      wasLive = (await this.#options.isLive(key)) || wasLive;
      await this.#options.store.delete(key);
    }
    return wasLive;
  }

  async #makeRoom(entries: IndexEntry[], evicted: Map<string, IndexEntry>): Promise<IndexEntry[]> {
    const { maxPerOwner } = this.#options;
    const isFull = entries.length >= maxPerOwner;
    const kept =
      isFull || entries.length % PRUNE_EVERY === PRUNE_EVERY - 1 ? await this.#pruned(entries) : entries;
    const surplus = Math.max(0, kept.length - maxPerOwner + 1);
    for (const entry of kept.slice(0, surplus))
      if (await this.#endSession(entry)) evicted.set(entry.id, entry);
    return kept.slice(surplus);
  }

  async #pruned(entries: IndexEntry[]): Promise<IndexEntry[]> {
    const isKept = await Promise.all(
      entries.map(async ({ keys, at }) => {
        if (this.#now() - at < PENDING_MS) return true;
        for (const key of keys) if (await this.#options.isLive(key)) return true;
        return false;
      }),
    );
    return entries.filter((_, at) => isKept[at]);
  }

  async #update(
    hash: string,
    change: (entries: IndexEntry[]) => IndexEntry[] | undefined | Promise<IndexEntry[] | undefined>,
  ): Promise<void> {
    const { store } = this.#options;
    const key = PREFIX + hash;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const data = (await store.find(key))?.data;
      const entries = await change(this.#current(data));
      if (entries === undefined || (entries.length === 0 && data === undefined)) return;
      // The list expires with the last of its sessions, at once if there is none.
      const expiry = entries.reduce((latest, { deadline }) => Math.max(latest, deadline), 0);
      if (await store.replace(key, data, encode(entries), new Date(expiry))) return;
    }
    throw new SessionError(
      "CONFLICT",
      `the list of an owner's sessions was changed ${MAX_TRIES} times meanwhile`,
    );
  }

  #current(data: Uint8Array | undefined): IndexEntry[] {
    const now = this.#now();
    return (data === undefined ? [] : this.#decode(data)).filter(({ deadline }) => deadline > now);
  }

  #decode(data: Uint8Array): IndexEntry[] {
    try {
      const { sessions } = JSON.parse(Buffer.from(data).toString()) as { sessions: IndexEntry[] };
      if (!sessions.every(isEntry)) throw new TypeError("not an owner's list");
      return sessions;
    } catch {
      this.#options.onError(
        new SessionError("CORRUPT", "the list of an owner's sessions cannot be decoded; it begins anew"),
      );
      return [];
    }
  }
}

function isEntry({ id, keys, created, deadline, at }: IndexEntry): boolean {
  return (
    typeof id === "string" &&
    Array.isArray(keys) &&
    [created, deadline, at].every((ms) => Number.isFinite(ms))
  );
}

function encode(sessions: IndexEntry[]): Uint8Array {
  return Buffer.from(JSON.stringify({ version: 1, sessions }));
}
