import type { BoundedStore } from "../persistence/bounded-store.js";
import type { FoundSession } from "../persistence/stored-session.js";
import { SessionError } from "../session-error.js";
import { DecodedLists } from "./decoded-lists.js";
import {
  decodeEntries,
  encodeEntries,
  entryOf,
  type NewEntry,
  type OwnerEntry,
  withEntry,
  withoutStamps,
} from "./owner-entry.js";

/** Computes new entries from the present ones, synchronously; `undefined` for no change. */
export type ListChange = (entries: OwnerEntry[]) => OwnerEntry[] | undefined;

export interface OwnerListOptions {
  store: BoundedStore;
  namespace: string;
  now: () => number;
  onError: (error: Error) => void;
}

interface Turn {
  changes: ListChange[];
  done: Promise<OwnerEntry[]>;
}

/** Maximum number of attempts of one change while other processes change the list. */
const MAX_TRIES = 100;

/** No session's key contains this character. */
const PREFIX = "@owner.";

/**
 * The list of each owner's sessions: a record in the store, changed by compare-and-swap. Within a process, the changes
 * of one list take turns; those that arrive during one turn share the next.
 */
export class OwnerLists {
  readonly #options: OwnerListOptions;
  readonly #now: () => number;
  /** Contains the namespace, so that a handle of one manager never leads to a list of another. */
  readonly #prefix: string;
  readonly #decoded: DecodedLists = new DecodedLists();
  /** The turn in progress, by owner's hash. */
  readonly #running: Map<string, Promise<unknown>> = new Map();
  /** The next turn, by owner's hash. */
  readonly #waiting: Map<string, Turn> = new Map();

  constructor(options: OwnerListOptions) {
    this.#options = options;
    this.#now = options.now;
    this.#prefix = options.namespace === "" ? PREFIX : `${PREFIX}${options.namespace}.`;
  }

  /** Reads the entries whose deadline has not passed, oldest first. */
  async read(hash: string): Promise<OwnerEntry[]> {
    return this.#current(hash, (await this.#options.store.find(this.#prefix + hash))?.data);
  }

  /**
   * Applies a change to a list.
   *
   * @returns the entries after the change.
   * @throws StoreError if the store fails. SessionError `CONFLICT` if other processes changed the list too often.
   */
  change(hash: string, change: ListChange): Promise<OwnerEntry[]> {
    const waiting = this.#waiting.get(hash);
    if (waiting !== undefined) {
      waiting.changes.push(change);
      return waiting.done;
    }
    const running = this.#running.get(hash);
    const turn: Turn = { changes: [change], done: Promise.resolve([]) };
    if (running === undefined) return this.#run(hash, turn);
    turn.done = running.then(() => {
      this.#waiting.delete(hash);
      return this.#run(hash, turn);
    });
    this.#waiting.set(hash, turn);
    return turn.done;
  }

  /** Adds a session to a list, before its record names the owner. */
  async add(hash: string, entry: NewEntry): Promise<void> {
    const at = this.#now();
    await this.change(hash, (entries) => withEntry(entries, entry, at));
  }

  /**
   * Removes sessions from a list, unless another save has added them as well. Reports a failure instead of throwing: a
   * superfluous entry does no harm, because each record decides.
   */
  async remove(hash: string, gone: readonly Pick<OwnerEntry, "id" | "stamps">[]): Promise<void> {
    if (gone.length === 0) return;
    try {
      await this.change(hash, (entries) => withoutStamps(entries, gone));
    } catch (error) {
      this.#options.onError(error as Error);
    }
  }

  /** Adds missing sessions to the list that their records name. */
  async restore(hash: string, sessions: readonly FoundSession[]): Promise<void> {
    if (sessions.length === 0) return;
    await this.change(hash, (entries) => {
      const listed = new Set(entries.map(({ id }) => id));
      const missing = sessions.filter(({ id }) => !listed.has(id)).map(entryOf);
      return missing.length === 0 ? undefined : [...entries, ...missing];
    });
  }

  #run(hash: string, { changes }: Turn): Promise<OwnerEntry[]> {
    const done = this.#write(hash, (entries) =>
      changes.reduce((current, change) => change(current) ?? current, entries),
    );
    const ended = done
      .catch(() => undefined) // for the callers of `change` to handle
      .then(() => {
        if (this.#running.get(hash) === ended && !this.#waiting.has(hash)) this.#running.delete(hash);
      });
    this.#running.set(hash, ended);
    return done;
  }

  async #write(hash: string, change: (entries: OwnerEntry[]) => OwnerEntry[]): Promise<OwnerEntry[]> {
    const { store } = this.#options;
    const key = this.#prefix + hash;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const data = (await store.find(key))?.data;
      const before = this.#current(hash, data);
      const after = change(before);
      if (after === before) return after;
      // The list expires with the last of its sessions, at once if there is none.
      const expiry = after.reduce((latest, { deadline }) => Math.max(latest, deadline), 0);
      const encoded = encodeEntries(after);
      if (!(await store.replace?.(key, data, encoded, new Date(expiry)))) continue;
      this.#decoded.add(hash, encoded, after);
      return after;
    }
    throw new SessionError(
      "CONFLICT",
      `other processes changed an owner's list ${MAX_TRIES} times meanwhile`,
    );
  }

  #current(hash: string, data: Uint8Array | undefined): OwnerEntry[] {
    const now = this.#now();
    const entries = data === undefined ? [] : (this.#decoded.entriesOf(hash, data) ?? this.#decode(data));
    return entries.filter(({ deadline }) => deadline > now);
  }

  #decode(data: Uint8Array): OwnerEntry[] {
    try {
      return decodeEntries(data);
    } catch {
      this.#options.onError(
        new SessionError(
          "CORRUPT",
          "an owner's list of sessions cannot be decoded; the next uses of the sessions rebuild it",
        ),
      );
      return [];
    }
  }
}
