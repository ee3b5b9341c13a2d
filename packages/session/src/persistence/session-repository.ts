import type { OwnerLists } from "../owners/owner-lists.js";
import { SessionState } from "../state/session-state.js";
import type { FoundSession, SessionRecords } from "./session-records.js";
import { hasTokenForm } from "./session-token.js";
import { SessionWriter, type WriterOptions } from "./session-writer.js";
import type { StoredSession } from "./stored-session.js";

export interface RepositoryOptions extends WriterOptions {
  touchAfterMs: number;
}

/** Brings sessions from the store and back, so that no change is lost and no ended session comes back. */
export class SessionRepository {
  readonly #records: SessionRecords;
  readonly #lists: OwnerLists | undefined;
  readonly #options: RepositoryOptions;
  readonly #writer: SessionWriter;
  readonly #now: () => number;

  constructor(options: RepositoryOptions) {
    this.#options = options;
    this.#records = options.records;
    this.#lists = options.lists;
    this.#writer = new SessionWriter(options);
    this.#now = options.now;
  }

  /** A session that is not stored yet. */
  begin(): SessionState {
    return new SessionState(this.#options.home);
  }

  async load(token: string | undefined): Promise<SessionState> {
    const state = this.begin();
    if (hasTokenForm(token)) {
      const found = await this.#records.find(this.#records.keyOf(token));
      if (found !== undefined) state.adopt({ token, key: found.key, record: found.record }, found.content);
    }
    return state;
  }

  /** Whether {@link commit} has anything to do. */
  isDue(state: SessionState): boolean {
    return this.isChanged(state) || this.#isTouchDue(state) || this.#isMissing(state);
  }

  /** Whether {@link commit} has anything to do but to note that the session is in use. */
  isChanged(state: SessionState): boolean {
    return state.destroyed !== undefined || state.merged.length > 0 || state.isChanged();
  }

  /**
   * Takes the values of the session that `token` leads to on top of the state's own, which ends that session
   * with the next commit, and the later of the two deadlines.
   *
   * @returns whether there was another session.
   */
  async merge(state: SessionState, token: string): Promise<boolean> {
    const other = await this.load(token);
    if (other.stored === undefined || other.stored.key === state.stored?.key) return false;
    for (const key of other.values.keys()) state.set(key, other.values.get(key));
    if (other.deadline > state.deadline) state.setDeadline(other.deadline);
    const { key, record } = other.stored;
    state.merged.push({ key, data: record.data, owner: other.owner, id: other.meta?.id });
    return true;
  }

  /** The session under a key of the store, which is that of no token that anybody knows here. */
  adopt(found: FoundSession): SessionState {
    const state = this.begin();
    state.adopt({ token: undefined, key: found.key, record: found.record }, found.content);
    return state;
  }

  /**
   * Carries out what was asked of the session: ends, saves, renews or touches it. Commits of one session take
   * turns.
   */
  async commit(state: SessionState): Promise<void> {
    if (state.destroyed !== undefined) await this.#endDestroyed(state);
    state.isSaveVoid = false;
    await this.#save(state);
    await this.#endMerged(state);
    if (state.destroyed !== undefined) await this.#endDestroyed(state); // while it was being saved
  }

  async #endDestroyed(state: SessionState): Promise<void> {
    const { destroyed } = state;
    if (destroyed === undefined) return;
    await this.#records.destroy(destroyed.key, destroyed.data);
    state.destroyed = undefined;
    this.#writer.tellEnd(destroyed, "destroyed");
    await this.#lists?.removeEnded(destroyed);
  }

  async #endMerged({ merged }: SessionState): Promise<void> {
    for (let [other] = merged; other !== undefined; [other] = merged) {
      await this.#records.destroy(other.key, other.data);
      if (merged[0] === other) merged.shift(); // now, not before: one that failed is for the next commit
      this.#writer.tellEnd(other, "destroyed");
      await this.#lists?.removeEnded(other);
    }
  }

  async #save(state: SessionState): Promise<void> {
    const { stored } = state;
    if (stored === undefined) {
      if (state.isChanged()) await this.#writer.insert(state);
    } else if (state.deadline <= this.#now()) this.#writer.expire(state);
    else if (state.isRenewed) {
      state.isRenewed = false; // a renewal that is asked for meanwhile is another one
      await this.#writer.renew(stored, state).catch((error: unknown) => {
        if (state.stored === stored) state.isRenewed = true;
        throw error;
      });
    } else if (state.isChanged() || this.#isMissing(state)) await this.#writer.saveChanges(stored, state);
    else if (this.#isTouchDue(state)) await this.#touch(stored, state);
  }

  #isMissing(state: SessionState): boolean {
    return this.#lists !== undefined && state.stored !== undefined && this.#lists.isMissing(state);
  }

  #isTouchDue({ stored, deadline }: SessionState): boolean {
    if (stored === undefined || this.#options.idleTimeoutMs === Number.POSITIVE_INFINITY) return false;
    const expiry = stored.record.expiry.getTime();
    return (
      expiry < deadline && this.#now() - (expiry - this.#options.idleTimeoutMs) >= this.#options.touchAfterMs
    );
  }

  async #touch(stored: StoredSession, state: SessionState): Promise<void> {
    const { key, record } = stored;
    const { store } = this.#records;
    const { data } = record;
    const expiry = this.#writer.expiryOf(state);
    const isLive = await (store.touch?.(key, expiry) ?? this.#records.write(key, data, { data, expiry }));
    if (state.isSaveVoid) return;
    if (isLive) state.stored = { ...stored, record: { data, expiry } };
    else if (store.touch !== undefined) this.#writer.endElsewhere(state);
    // Otherwise another request has ended or changed the session, and has moved its expiry with that.
  }
}
