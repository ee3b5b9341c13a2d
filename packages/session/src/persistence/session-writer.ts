import type { SessionRecord } from "@scs/core";
import type { SessionMeta } from "../codecs/session-meta.js";
import type { Listing, OwnerLists } from "../owners/owner-lists.js";
import { SessionError } from "../session-error.js";
import type { SessionEmitter } from "../session-events.js";
import type { SessionHome, SessionState } from "../state/session-state.js";
import type { SessionRecords } from "./session-records.js";
import { newToken } from "./session-token.js";
import type { Ending, EndReason, StoredSession } from "./stored-session.js";

export interface WriterOptions {
  records: SessionRecords;
  /** For managers with `owner`. */
  lists: OwnerLists | undefined;
  home: SessionHome;
  /** Infinity for none. */
  idleTimeoutMs: number;
  namespace: string;
  now: () => number;
  events: SessionEmitter;
}

/** What one try to save is about to write. */
interface Draft {
  record: SessionRecord;
  listing: Listing | undefined;
}

/** Where a session was before it was renewed, and whether it is in the same place of the same list. */
type Left = Ending & { isSame: boolean };

/** Changes by others that one save is ready to put its own on top of, before it gives up. */
const MAX_TRIES = 100;

/** Writes sessions into the store: new ones, changed ones, and those that get a new token. */
export class SessionWriter {
  readonly #records: SessionRecords;
  readonly #lists: OwnerLists | undefined;
  readonly #options: WriterOptions;
  readonly #now: () => number;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#records = options.records;
    this.#lists = options.lists;
    this.#now = options.now;
  }

  /** When the record is to expire: at the absolute deadline, or before, if nobody uses the session. */
  expiryOf(state: SessionState): Date {
    return new Date(Math.min(state.deadline, this.#now() + this.#options.idleTimeoutMs));
  }

  async insert(state: SessionState): Promise<void> {
    const token = newToken();
    const key = this.#records.keyOf(token);
    state.isRenewed = false; // it is as new as can be
    const { record, listing } = this.#draft(state, undefined);
    if (listing !== undefined) await this.#lists?.enlist(listing, key, state.deadline);
    await this.#records.write(key, undefined, record);
    if (await this.#isRevokedMeanwhile(listing, key)) return this.endElsewhere(state);
    state.saved({ token, key, record }, listing?.owner);
    if (state.token === token) this.#tell("created", state);
  }

  /** Writes the changes on top of what the store holds, which other requests may be changing as well. */
  async saveChanges({ token, key: first, record: read }: StoredSession, state: SessionState): Promise<void> {
    let [key, current, listing] = [first, read, undefined as Listing | undefined];
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (state.deadline <= this.#now()) return this.expire(state);
      const before: Ending = { key, owner: state.owner, id: state.meta?.id };
      const draft = this.#draft(state, listing);
      const isListed = sameListing(draft.listing, listing) || sameListing(draft.listing, before);
      if (draft.listing !== undefined && (!isListed || state.isLifetimeChanged)) {
        await this.#lists?.enlist(draft.listing, key, state.deadline);
      }
      if (listing?.isNew === true && !sameListing(draft.listing, listing)) await this.#lists?.remove(listing);
      listing = draft.listing;
      if (await this.#records.write(key, current.data, draft.record)) {
        state.saved({ token, key, record: draft.record }, listing?.owner);
        if (!sameListing(listing, before)) await this.#lists?.remove(before);
        return;
      }
      const found = await this.#adoptCurrent(key, token, state);
      if (found === undefined) {
        if (listing?.isNew === true) await this.#lists?.remove(listing);
        return;
      }
      ({ key, record: current } = found);
    }
    throw conflict();
  }

  /**
   * Gives the session a new token, and ends the old one. In this order there is no moment in which the session
   * is under neither. The old record ends by compare-and-swap, so that neither a change nor a log-out that
   * comes in between is lost.
   */
  async renew(old: StoredSession, state: SessionState): Promise<void> {
    const token = newToken();
    const key = this.#records.keyOf(token);
    let left: Left | undefined;
    try {
      left = await this.#moveTo({ token, key }, old, state);
    } finally {
      // Whatever came in between, nothing is to be left under a token that nobody was told.
      if (left === undefined) await this.#records.store.delete(key).catch(() => undefined);
    }
    if (left === undefined) return;
    if (state.token === token) this.#tell("renewed", state);
    await (left.isSame ? this.#lists?.drop(left, left.key) : this.#lists?.remove(left));
  }

  /** @returns what the session has left for its new key; `undefined` if it is not there. */
  async #moveTo(
    { token, key }: { token: string; key: string },
    old: StoredSession,
    state: SessionState,
  ): Promise<Left | undefined> {
    const { graceMs } = state;
    let { key: oldKey, record: oldRecord } = old;
    let written: SessionRecord | undefined;
    let listing: Listing | undefined;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const before: Ending = { key: oldKey, owner: state.owner, id: state.meta?.id };
      const draft = this.#draft(state, listing);
      if (draft.listing !== undefined && !sameListing(draft.listing, listing)) {
        await this.#lists?.enlist(draft.listing, key, state.deadline);
      }
      if (listing !== undefined && !sameListing(draft.listing, listing))
        await this.#lists?.drop(listing, key);
      listing = draft.listing;
      const isWritten = await this.#records.write(key, written?.data, draft.record);
      written = draft.record;
      if (isWritten && (await this.#records.end(oldKey, oldRecord.data, key, graceMs))) {
        if (await this.#isRevokedMeanwhile(listing, key)) {
          this.endElsewhere(state);
          return undefined;
        }
        state.saved({ token, key, record: written }, listing?.owner);
        return { ...before, isSame: sameListing(listing, before) };
      }
      const found = await this.#adoptCurrent(oldKey, old.token, state);
      if (found === undefined) {
        if (listing !== undefined) await this.#lists?.drop(listing, key);
        return undefined;
      }
      ({ key: oldKey, record: oldRecord } = found);
    }
    throw conflict();
  }

  /** Notes that the session is at its deadline. */
  expire(state: SessionState): void {
    const left = { owner: state.owner, id: state.meta?.id };
    state.expire();
    if (state.destroyed === undefined) this.tellEnd(left, "expired");
  }

  /** Notes that another request ended the session. */
  endElsewhere(state: SessionState): void {
    this.tellEnd({ owner: state.owner, id: state.meta?.id }, "ended");
    state.end("ended");
  }

  tellEnd({ owner, id }: Pick<Ending, "owner" | "id">, reason: EndReason): void {
    this.#options.events.emit("destroyed", () => ({
      owner,
      handle: this.#lists?.handleOf(owner, id),
      reason,
    }));
  }

  #tell(event: "created" | "renewed", { owner, meta }: SessionState): void {
    this.#options.events.emit(event, () => ({ owner, handle: this.#lists?.handleOf(owner, meta?.id) }));
  }

  /** What there is to write, and whose it is, both at one moment. */
  #draft(state: SessionState, earlier: Listing | undefined): Draft {
    const listing = this.#lists?.plan(state, earlier);
    const data = state.draft(this.#metaOf(state, listing));
    return { record: { data, expiry: this.expiryOf(state) }, listing };
  }

  #metaOf({ persist }: SessionState, listing: Listing | undefined): SessionMeta {
    const { namespace } = this.#options;
    return {
      ...(listing !== undefined && { id: listing.id, seen: this.#now() }),
      ...(persist !== undefined && { persist }),
      ...(namespace !== "" && { space: namespace }),
    };
  }

  /** Whether somebody who ended all of the owner's sessions came before the record, and found none to delete. */
  async #isRevokedMeanwhile(listing: Listing | undefined, key: string): Promise<boolean> {
    if (listing?.isNew !== true || this.#lists === undefined) return false;
    let isListed = false;
    try {
      isListed = await this.#lists.isListed(listing);
    } finally {
      if (!isListed) await this.#records.store.delete(key);
    }
    return !isListed;
  }

  /** Puts the changes on top of what the store holds now, and gives that; `undefined`, noted, if the session has ended. */
  async #adoptCurrent(
    key: string,
    token: string | undefined,
    state: SessionState,
  ): Promise<StoredSession | undefined> {
    const found = await this.#records.find(key);
    if (state.isSaveVoid) return undefined;
    if (found === undefined) {
      this.endElsewhere(state);
      return undefined;
    }
    const stored = { token, key: found.key, record: found.record };
    state.adopt(stored, found.content);
    return stored;
  }
}

function sameListing(
  one: Pick<Ending, "owner" | "id"> | undefined,
  other: Pick<Ending, "owner" | "id"> | undefined,
): boolean {
  return one?.owner === other?.owner && one?.id === other?.id;
}

function conflict(): SessionError {
  return new SessionError(
    "CONFLICT",
    `the session was changed by others ${MAX_TRIES} times while it was being saved`,
  );
}
