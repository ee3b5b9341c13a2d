import type { SessionRecord } from "@scs/core";
import type { LifetimeNote } from "../codecs/session-meta.js";
import { Enlisting, type Enlistment, isBarred } from "../owners/enlisting.js";
import type { OwnerSessions } from "../owners/owner-sessions.js";
import type { SessionPolicy } from "../policy/session-policy.js";
import type { Lifetimes } from "../policy/timeouts.js";
import { SessionError } from "../session-error.js";
import type { EndReason, SessionEmitter, SessionEvent } from "../session-events.js";
import type { SessionHome, SessionState } from "../state/session-state.js";
import { nextMeta } from "./next-meta.js";
import { honoured, isStillHonoured, type Renewal } from "./secrets.js";
import type { SessionRecords } from "./session-records.js";
import { newSecret, sha256, type TokenParts } from "./session-token.js";
import { type FoundSession, publicHandleOf, type StoredSession } from "./stored-session.js";

export interface WriterOptions {
  records: SessionRecords;
  /** For managers with `owner`. */
  owners: OwnerSessions | undefined;
  home: SessionHome;
  policy: SessionPolicy;
  now: () => number;
  events: SessionEmitter;
}

/** The record that a save writes. */
interface Place {
  id: string;
  key: string;
  secret: string | undefined;
}

/** The timeouts of a session for the next save. */
interface Terms {
  timeouts: Lifetimes;
  lifetime: LifetimeNote | undefined;
}

/** Maximum number of attempts of one save while others change the session. */
const MAX_TRIES = 100;

/** Saves sessions, each as one record, by compare-and-swap. */
export class SessionWriter {
  readonly #options: WriterOptions;
  readonly #records: SessionRecords;
  readonly #enlisting: Enlisting | undefined;
  readonly #now: () => number;

  constructor(options: WriterOptions) {
    this.#options = options;
    this.#enlisting = options.owners && new Enlisting(options.owners, options.now);
    this.#records = options.records;
    this.#now = options.now;
  }

  /** Returns whether the next save must update the session's entry in its owner's list. */
  isCheckDue(stored: StoredSession): boolean {
    return this.#enlisting?.isCheckDue(stored) === true;
  }

  /** Computes the expiry of the record: the absolute deadline, or the end of the idle timeout if that is earlier. */
  expiryOf(deadline: number, { idleTimeoutMs }: Lifetimes): Date {
    return new Date(Math.min(deadline, this.#now() + idleTimeoutMs));
  }

  /**
   * Inserts the session, or merges its changes into the record, which other requests may change as well. A renewal is part
   * of the same write.
   */
  save(state: SessionState): Promise<void> {
    return this.#enlisting === undefined ? this.#save(state, {}) : this.#saveListed(state, this.#enlisting);
  }

  async #saveListed(state: SessionState, enlisting: Enlisting): Promise<void> {
    const attempt: { entry?: Enlistment } = {};
    try {
      await this.#save(state, attempt);
    } catch (error) {
      // After an error of the manager itself, nothing was written. After an error of the store, the session may be there.
      if (error instanceof SessionError && !isTimeout(error)) await enlisting.withdraw(state, attempt.entry);
      throw error;
    }
  }

  async #save(state: SessionState, attempt: { entry?: Enlistment }): Promise<void> {
    const fresh = state.stored === undefined ? state.fresh : undefined; // creates random bytes only for a new session
    let entry: Enlistment | undefined;
    for (let tries = 1; tries <= MAX_TRIES; tries++) {
      const { stored } = state;
      const now = this.#now(); // reads the clock once, so that no grace period ends in between
      const terms = this.#termsOf(state, now);
      const isLive =
        stored === undefined ||
        (state.settings.deadline > now && isStillHonoured(stored.meta.secrets, stored.secretHash, now));
      if (!isLive || state.isSaveVoid) return this.#giveUp(state, entry);
      const place = stored ?? this.#placeOf(fresh ?? state.fresh);
      const owner = this.#enlisting && this.#options.home.ownerOf(state.values.toRecord());
      if (this.#enlisting?.isDue(state, owner, entry)) {
        entry = attempt.entry = await this.#enlisting.enlist(state, place.id, owner as string, entry);
        continue; // the app may have changed the session meanwhile
      }
      if (await this.#write(state, place, owner, entry, terms, now)) return;
      const found = await this.#records.find(place.id);
      if (state.isSaveVoid || !this.#adopt(state, found, place, entry)) return this.#giveUp(state, entry);
      this.#options.events.emit("conflict", () => this.#naming(state.stored));
    }
    throw new SessionError(
      "CONFLICT",
      `the session was changed by others ${MAX_TRIES} times while it was being saved`,
    );
  }

  #termsOf(state: SessionState, now: number): Terms {
    const { policy } = this.#options;
    const timeouts = policy.isFixed ? policy.base : policy.of(state.values.toRecord());
    return {
      timeouts,
      lifetime: policy.hasLifetimes
        ? state.settings.applyPolicy(state.stored, timeouts.lifetimeMs, now)
        : undefined,
    };
  }

  #placeOf({ id, secret }: TokenParts): Place {
    return { id, secret, key: this.#records.keyOf(id) };
  }

  /** Takes over the changes of others. Returns `false` if this request no longer has access to the session. */
  #adopt(
    state: SessionState,
    found: FoundSession | undefined,
    { secret }: Place,
    entry: Enlistment | undefined,
  ): boolean {
    if (found === undefined) return false;
    const { secrets, bars } = found.content.meta;
    const own = [state.renewal?.secret, secret].find(
      (each) => each !== undefined && honoured(secrets, sha256(each), this.#now()),
    );
    if (own === undefined && secret !== undefined) return false;
    if (entry !== undefined && isBarred(entry, bars)) return false;
    // An earlier write of the same renewal took effect, although the store reported a failure.
    if (own !== undefined && own === state.renewal?.secret) state.renewal = undefined;
    state.adopt(found, own);
    return true;
  }

  /** Ends the session for this request, because it has expired, or others have ended or renewed it. */
  async #giveUp(state: SessionState, entry: Enlistment | undefined): Promise<void> {
    const withdrawal = this.#enlisting?.withdraw(state, entry); // before `end`, because it needs the session's ID
    if (!state.isSaveVoid) {
      if (state.stored !== undefined && state.settings.deadline <= this.#now()) this.expire(state);
      else this.endElsewhere(state);
    }
    await withdrawal;
  }

  /** @returns whether the store has written the record. */
  async #write(
    state: SessionState,
    place: Place,
    owner: string | undefined,
    entry: Enlistment | undefined,
    { timeouts, lifetime }: Terms,
    now: number,
  ): Promise<boolean> {
    const { stored } = state;
    if (state.settings.isRevised) this.#replaceClosing(state, now);
    const note = owner === undefined ? undefined : entry?.owner === owner ? entry.note : stored?.meta.owner;
    const meta = nextMeta(state, owner, note, lifetime, now);
    const draft = state.draft(meta);
    const { data, deadline } = draft;
    const record = { data, expiry: this.expiryOf(deadline, timeouts) };
    const written =
      stored !== undefined && draft.renewal !== undefined
        ? this.#renew(place, stored, record, draft.renewal)
        : this.#records.write(place.key, stored?.record.data, record);
    if (!(await written)) return false;
    const secret = draft.renewal?.secret ?? place.secret;
    const isSameSecret = stored !== undefined && draft.renewal === undefined;
    const secretHash = isSameSecret ? stored.secretHash : meta.secrets[0]?.[0];
    const { id, key } = place;
    state.saved({ id, key, secret, secretHash, record, deadline, meta, owner, timeouts }, draft);
    if (state.stored !== undefined) {
      if (stored === undefined) this.#emit("created", state.stored);
      else if (draft.renewal !== undefined) this.#emit("renewed", state.stored);
    }
    if (this.#enlisting !== undefined)
      await this.#enlisting.settle(place.id, stored?.meta.owner, note, entry);
    if (owner !== undefined) this.#options.owners?.known.add(owner, place.id);
    return true;
  }

  /** @returns whether the store has the renewed record, even if it reported a failure. */
  async #renew(
    { id, key }: Place,
    stored: StoredSession,
    record: SessionRecord,
    renewal: Renewal,
  ): Promise<boolean> {
    try {
      return await this.#records.write(key, stored.record.data, record);
    } catch (error) {
      if (isTimeout(error)) throw error;
      // The client's token may already be invalid, so the client must get the new one.
      const found = await this.#records.find(id);
      const secrets = found?.content.meta.secrets ?? [];
      if (honoured(secrets, sha256(renewal.secret), this.#now()) !== undefined) return true;
      throw error;
    }
  }

  /** Creates a lasting secret for a client that gets a cookie while its own secret is in a grace period. */
  #replaceClosing(state: SessionState, now: number): void {
    const { secretHash, meta } = state.stored ?? {};
    if (secretHash === undefined || meta === undefined || state.renewal !== undefined) return;
    const isClosing = honoured(meta.secrets, secretHash, now)?.[1] !== undefined;
    if (isClosing) state.renewal = { secret: newSecret(), graceMs: Number.POSITIVE_INFINITY };
  }

  /** Marks the session as expired. */
  expire(state: SessionState): void {
    const { stored } = state;
    state.expire();
    if (state.destroyed === undefined) this.emitEnd(stored, "expired");
  }

  /** Marks the session as ended by another request, at least for this client. */
  endElsewhere(state: SessionState): void {
    this.emitEnd(state.stored, "ended");
    state.end("ended");
  }

  emitEnd(stored: Pick<StoredSession, "id" | "owner" | "meta"> | undefined, reason: EndReason): void {
    this.#options.events.emit("destroyed", () => ({ ...this.#naming(stored), reason }));
  }

  #emit(event: "created" | "renewed", stored: StoredSession): void {
    this.#options.events.emit(event, () => this.#naming(stored));
  }

  #naming(stored: Pick<StoredSession, "id" | "owner" | "meta"> | undefined): SessionEvent {
    return { owner: stored?.owner, handle: publicHandleOf(stored) };
  }
}

function isTimeout(error: unknown): boolean {
  return error instanceof SessionError && error.code === "STORE_TIMEOUT";
}
