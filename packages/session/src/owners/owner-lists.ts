import type { AtomicStore } from "@scs/core";
import type { FoundSession, SessionRecords } from "../persistence/session-records.js";
import { hasTokenForm, newId } from "../persistence/session-token.js";
import type { Ending } from "../persistence/stored-session.js";
import type { SessionEmitter } from "../session-events.js";
import type { SessionState } from "../state/session-state.js";
import { type IndexEntry, OwnerIndex } from "./owner-index.js";

/** A session as its owner may see it. */
export interface OwnedSession<D = unknown> {
  /** Stands for the session in `revoke`. Leads to no session of its own: it may be shown to its owner. */
  handle: string;
  /** When the session became this owner's, as a rule at log-in. */
  created: Date;
  /** When it was used last: to `touchAfterMs` with an idle timeout; without one, when it was last saved. */
  lastSeen: Date;
  /** When it ends, if it is not used any more. */
  expiry: Date;
  /** What `describe` makes of it, such as device and address. */
  description: D;
}

/** Where a session that is about to be saved stands in its owner's list. */
export interface Listing {
  owner: string;
  id: string;
  /** Whether the store does not know the session as this owner's yet. */
  isNew: boolean;
}

export interface ListOptions {
  records: SessionRecords;
  namespace: string;
  maxPerOwner: number;
  idleTimeoutMs: number;
  ownerOf: (values: Record<string, unknown>) => string | undefined;
  describe: (values: Record<string, unknown>) => unknown;
  now: () => number;
  events: SessionEmitter;
  onError: (error: Error) => void;
}

/** Keeps each owner's list of sessions, and acts on it. */
export class OwnerLists {
  readonly #options: ListOptions;
  readonly #records: SessionRecords;
  readonly #index: OwnerIndex;

  constructor(options: ListOptions) {
    const { records } = options;
    this.#options = options;
    this.#records = records;
    this.#index = new OwnerIndex({
      ...options,
      store: records.store as AtomicStore,
      isLive: async (key) => (await records.store.find(key)) !== undefined,
    });
  }

  handleOf(owner: string | undefined, id: string | undefined): string | undefined {
    return owner === undefined || id === undefined ? undefined : `${this.#index.hashOf(owner)}.${id}`;
  }

  /** Where the session belongs by the values that it has now; `undefined` if it is nobody's. */
  plan(state: SessionState, earlier: Listing | undefined): Listing | undefined {
    const owner = this.#options.ownerOf(state.values.toRecord());
    if (owner === undefined) return undefined;
    if (owner === state.owner && state.meta?.id !== undefined)
      return { owner, id: state.meta.id, isNew: false };
    return { owner, id: earlier?.owner === owner ? earlier.id : newId(), isNew: true };
  }

  /** Whether a session that is stored came before its owner's list did. */
  isMissing({ owner, meta }: SessionState): boolean {
    return owner !== undefined && meta?.id === undefined;
  }

  /** Notes that the session is about to be under `key`. */
  async enlist({ owner, id }: Listing, key: string, deadline: number): Promise<void> {
    const { evicted } = await this.#index.put(this.#index.hashOf(owner), { id, key, deadline });
    this.#tellRevoked(this.#index.hashOf(owner), owner, evicted, "limit");
  }

  /** Whether the session has not been revoked since it was enlisted, when its record was not there yet. */
  isListed({ owner, id }: Listing): Promise<boolean> {
    return this.#index.has(this.#index.hashOf(owner), id);
  }

  /** Notes that the session is under `key` no more. */
  async drop({ owner, id }: Pick<Ending, "owner" | "id">, key: string): Promise<void> {
    if (owner !== undefined && id !== undefined) await this.#index.drop(this.#index.hashOf(owner), id, key);
  }

  async remove({ owner, id }: Pick<Ending, "owner" | "id">): Promise<void> {
    if (owner !== undefined && id !== undefined) await this.#index.remove(this.#index.hashOf(owner), id);
  }

  /** Notes that the session was ended under its key, and ends it wherever a renewal has taken it. */
  async removeEnded({ owner, id, key }: Ending): Promise<void> {
    if (owner !== undefined && id !== undefined)
      await this.#index.removeEnded(this.#index.hashOf(owner), id, key);
  }

  /** Gives the owner's sessions, the one begun last first. */
  async list(owner: string): Promise<OwnedSession[]> {
    const hash = this.#index.hashOf(owner);
    const entries = await this.#index.entries(hash);
    const found = await Promise.all(entries.map((entry) => this.#find(owner, entry)));
    if (found.includes(undefined)) await this.#index.prune(hash);
    const sessions = entries.flatMap((entry, at) => {
      const session = found[at];
      return session === undefined ? [] : [this.#describe(hash, entry, session)];
    });
    return sessions.sort((a, b) => b.created.getTime() - a.created.getTime());
  }

  /** Ends the session of a handle, and tells whether there was one. */
  async revoke(handle: string): Promise<boolean> {
    const [hash, id, ...more] = typeof handle === "string" ? handle.split(".") : [];
    if (!hasTokenForm(hash) || id === undefined || more.length > 0) return false;
    const ended = await this.#index.end(hash, (entry) => entry.id === id);
    this.#tellRevoked(hash, undefined, ended, "revoked");
    return ended.length > 0;
  }

  /** Ends all sessions of an owner but those of the handles in `except`; gives how many. */
  async revokeAll(owner: string, except: readonly (string | undefined)[]): Promise<number> {
    const hash = this.#index.hashOf(owner);
    const ended = await this.#index.end(hash, ({ id }) => !except.includes(`${hash}.${id}`));
    this.#tellRevoked(hash, owner, ended, "revoked");
    return ended.length;
  }

  async #find(owner: string, { id, keys }: IndexEntry): Promise<FoundSession | undefined> {
    for (const key of keys) {
      const found = await this.#records.find(key);
      const isHere = found?.content.meta.id === id && this.#options.ownerOf(found.content.values) === owner;
      if (isHere) return found;
    }
    return undefined;
  }

  #describe(hash: string, { id, created }: IndexEntry, { record, content }: FoundSession): OwnedSession {
    const usedBy = record.expiry.getTime() - this.#options.idleTimeoutMs; // as of the last touch; -Infinity: none
    return {
      handle: `${hash}.${id}`,
      created: new Date(created),
      lastSeen: new Date(Math.max(content.meta.seen ?? created, usedBy)),
      expiry: new Date(Math.min(record.expiry.getTime(), content.deadline)),
      description: this.#options.describe(content.values),
    };
  }

  #tellRevoked(
    hash: string,
    owner: string | undefined,
    entries: IndexEntry[],
    reason: "revoked" | "limit",
  ): void {
    for (const { id } of entries) {
      this.#options.events.emit("revoked", () => ({ owner, handle: `${hash}.${id}`, reason }));
    }
  }
}
