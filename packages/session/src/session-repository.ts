import type { AtomicStore, SessionRecord, Store, TouchableStore } from "@scs/core";
import type { SessionCodec, SessionContent } from "./codec.js";
import { SessionError } from "./session-error.js";
import { SessionState, type StoredSession } from "./session-state.js";
import { hashToken, hasTokenForm, newToken } from "./session-token.js";

export interface RepositoryOptions {
  store: Store;
  lifetimeMs: number;
  /** Infinity for none. */
  idleTimeoutMs: number;
  touchAfterMs: number;
  hashTokens: boolean;
  codec: SessionCodec;
  now: () => number;
  onError: (error: Error) => void;
}

/** Changes by others that one save is ready to put its own on top of, before it gives up. */
const MAX_TRIES = 100;

/** Brings sessions from the store and back, so that no change is lost and no ended session comes back. */
export class SessionRepository {
  readonly #store: Store & Partial<AtomicStore & TouchableStore>;
  readonly #options: RepositoryOptions;
  readonly #now: () => number;

  constructor(options: RepositoryOptions) {
    this.#store = options.store;
    this.#options = options;
    this.#now = options.now;
  }

  async load(token: string | undefined): Promise<SessionState> {
    const state = new SessionState(this.#options.codec, () => this.#now() + this.#options.lifetimeMs);
    if (hasTokenForm(token)) {
      const record = await this.#store.find(this.#key(token));
      const content = record && this.#decode(record);
      if (record && content && content.deadline > this.#now()) state.adopt({ token, record }, content);
    }
    return state;
  }

  /** Whether {@link commit} has anything to do. */
  isDue(state: SessionState): boolean {
    return this.isChanged(state) || this.#isTouchDue(state);
  }

  /** Whether {@link commit} has anything to do but to note that the session is in use. */
  isChanged(state: SessionState): boolean {
    return state.destroyedToken !== undefined || state.isChanged();
  }

  /**
   * Carries out what was asked of the session: ends, saves, renews or touches it. Commits of one session take
   * turns.
   */
  async commit(state: SessionState): Promise<void> {
    await this.#endDestroyed(state);
    state.isSaveVoid = false;
    await this.#save(state);
    await this.#endDestroyed(state); // it may have been destroyed while it was being saved
  }

  async #endDestroyed(state: SessionState): Promise<void> {
    const { destroyedToken } = state;
    if (destroyedToken === undefined) return;
    await this.#store.delete(this.#key(destroyedToken));
    state.destroyedToken = undefined;
  }

  async #save(state: SessionState): Promise<void> {
    const { stored } = state;
    if (!state.isChanged()) {
      if (stored !== undefined && this.#isTouchDue(state)) await this.#touch(stored, state);
    } else if (stored === undefined) {
      const token = newToken();
      state.isRenewed = false; // it is as new as can be
      state.saved({ token, record: await this.#insert(token, state) });
    } else if (state.isRenewed) {
      state.isRenewed = false; // a renewal that is asked for meanwhile is another one
      await this.#renew(stored, state).catch((error: unknown) => {
        state.isRenewed = true;
        throw error;
      });
    } else await this.#saveChanges(stored, state);
  }

  #key(token: string): string {
    return this.#options.hashTokens ? hashToken(token) : token;
  }

  #decode(record: SessionRecord): SessionContent | undefined {
    try {
      return this.#options.codec.decode(record.data);
    } catch (cause) {
      // The parser's own message would quote what it could not parse, which is session data.
      const name = cause instanceof Error ? cause.name : typeof cause;
      this.#options.onError(
        new SessionError("CORRUPT", `a stored session cannot be decoded (${name}); it counts as absent`),
      );
      return undefined;
    }
  }

  /** When the record is to expire: at the absolute deadline, or before, if nobody uses the session. */
  #expiry(state: SessionState): Date {
    return new Date(Math.min(state.deadline, this.#now() + this.#options.idleTimeoutMs));
  }

  #isTouchDue({ stored, deadline }: SessionState): boolean {
    if (stored === undefined || this.#options.idleTimeoutMs === Number.POSITIVE_INFINITY) return false;
    const expiry = stored.record.expiry.getTime();
    return (
      expiry < deadline && this.#now() - (expiry - this.#options.idleTimeoutMs) >= this.#options.touchAfterMs
    );
  }

  async #touch({ token, record }: StoredSession, state: SessionState): Promise<void> {
    const key = this.#key(token);
    const { data } = record;
    const expiry = this.#expiry(state);
    const canTouch = this.#store.touch !== undefined;
    const isLive = await (this.#store.touch?.(key, expiry) ?? this.#write(key, data, data, expiry));
    if (state.isSaveVoid) return;
    if (isLive) state.stored = { token, record: { data, expiry } };
    else if (canTouch) state.end();
    // Otherwise another request has ended or changed the session, and has moved its expiry with that.
  }

  /** Compare-and-swap where the store can; elsewhere the last write wins. */
  async #write(
    key: string,
    previous: Uint8Array | undefined,
    data: Uint8Array,
    expiry: Date,
  ): Promise<boolean> {
    if (this.#store.replace !== undefined) return this.#store.replace(key, previous, data, expiry);
    await this.#store.commit(key, data, expiry);
    return true;
  }

  async #insert(token: string, state: SessionState): Promise<SessionRecord> {
    const record = { data: state.draft(), expiry: this.#expiry(state) };
    await this.#write(this.#key(token), undefined, record.data, record.expiry);
    return record;
  }

  /** Writes the changes on top of what the store holds, which other requests may be changing as well. */
  async #saveChanges(stored: StoredSession, state: SessionState): Promise<void> {
    const { token } = stored;
    let { record } = stored;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (state.deadline <= this.#now()) return state.end();
      const next = { data: state.draft(), expiry: this.#expiry(state) };
      if (await this.#write(this.#key(token), record.data, next.data, next.expiry)) {
        return state.saved({ token, record: next });
      }
      const current = await this.#adoptCurrent(token, state);
      if (current === undefined) return;
      record = current;
    }
    throw conflict();
  }

  /**
   * Gives the session a new token, and ends the old one. In this order there is no moment in which the session
   * is under neither. The old record ends by compare-and-swap, so that neither a change nor a log-out that
   * comes in between is lost.
   */
  async #renew(old: StoredSession, state: SessionState): Promise<void> {
    const token = newToken();
    let oldRecord = old.record;
    let record = await this.#insert(token, state);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (await this.#endUnchanged(this.#key(old.token), oldRecord.data))
        return state.saved({ token, record });
      const current = await this.#adoptCurrent(old.token, state);
      if (current === undefined) {
        await this.#store.delete(this.#key(token));
        return;
      }
      oldRecord = current;
      const next = { data: state.draft(), expiry: this.#expiry(state) };
      await this.#write(this.#key(token), record.data, next.data, next.expiry);
      record = next;
    }
    await this.#store.delete(this.#key(token));
    throw conflict();
  }

  async #endUnchanged(key: string, data: Uint8Array): Promise<boolean> {
    if (this.#store.replace !== undefined)
      return this.#store.replace(key, data, new Uint8Array(0), new Date(0));
    await this.#store.delete(key);
    return true;
  }

  /** Puts the changes on top of what the store holds now, and gives that; `undefined`, noted, if the session has ended. */
  async #adoptCurrent(token: string, state: SessionState): Promise<SessionRecord | undefined> {
    const record = await this.#store.find(this.#key(token));
    const content = record && this.#decode(record);
    if (state.isSaveVoid) return undefined;
    if (record === undefined || content === undefined) {
      state.end();
      return undefined;
    }
    state.adopt({ token, record }, content);
    return record;
  }
}

function conflict(): SessionError {
  return new SessionError(
    "CONFLICT",
    `the session was changed by others ${MAX_TRIES} times while it was being saved`,
  );
}
