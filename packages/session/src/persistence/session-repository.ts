import type { BoundCookies, DeviceBindings, Doubt } from "../device-bound/device-bindings.js";
import { SessionState } from "../state/session-state.js";
import { honoured } from "./secrets.js";
import { SessionEnding } from "./session-ending.js";
import type { SessionRecords } from "./session-records.js";
import { partsOf, sha256, type TokenParts } from "./session-token.js";
import { SessionWriter, type WriterOptions } from "./session-writer.js";
import { type FoundSession, foundOf, isYielding, type StoredSession } from "./stored-session.js";

export interface RepositoryOptions extends WriterOptions {
  /** Returns whether a request may have a session bound to a device; `undefined` if sessions are not bound. */
  bindings: DeviceBindings | undefined;
}

/** Maximum number of changes by others that a merge takes over from the session that it ends. */
const MAX_MERGES = 10;

/** Loads and saves sessions so that no change is lost and no ended session comes back. */
export class SessionRepository {
  readonly #records: SessionRecords;
  readonly #options: RepositoryOptions;
  readonly #writer: SessionWriter;
  readonly #ending: SessionEnding;
  readonly #now: () => number;

  constructor(options: RepositoryOptions) {
    this.#options = options;
    this.#records = options.records;
    this.#writer = new SessionWriter(options);
    this.#ending = new SessionEnding(options);
    this.#now = options.now;
  }

  /** Creates a session that is not stored yet. */
  begin(): SessionState {
    return new SessionState(this.#options.home);
  }

  /**
   * Loads the session of a token. Returns a new session if the token has none, after calling `onUnknown`, or if its session
   * is bound to another device.
   */
  async load(
    token: string | undefined,
    cookies?: BoundCookies,
    onUnknown?: () => void,
  ): Promise<SessionState> {
    const parts = partsOf(token);
    if (parts === undefined) return this.begin();
    const key = this.#records.keyOf(parts.id);
    const record = await this.#records.read(key); // not by `find`: one promise less for each request
    const found = this.#records.sessionIn(parts.id, key, record);
    const hash = sha256(parts.secret); // for every token, so that the time does not reveal whether the ID exists
    if (found === undefined || !this.#isHonoured(found, hash)) {
      onUnknown?.();
      return this.begin();
    }
    const doubt = this.#options.bindings?.doubtIn(found, cookies);
    return doubt === undefined ? this.adopt(found, parts.secret, hash) : this.#beginInDoubt(found, doubt);
  }

  #beginInDoubt(found: FoundSession, doubt: Doubt): SessionState {
    const state = this.begin();
    state.bound = { doubt };
    this.#options.events.emit("unproven", () => this.#ending.naming(found));
    return state;
  }

  /** Creates the state of a found session, with its secret if known. */
  adopt(found: FoundSession, secret?: string, secretHash?: string): SessionState {
    const state = new SessionState(this.#options.home, found.content.deadline);
    state.adopt(found, secret, secretHash);
    const { owner, id } = state.stored as StoredSession;
    if (owner !== undefined) this.#options.owners?.known.add(owner, id);
    return state;
  }

  async #find(parts: TokenParts | undefined): Promise<FoundSession | undefined> {
    if (parts === undefined) return undefined;
    const found = await this.#records.find(parts.id);
    return found !== undefined && this.#isHonoured(found, sha256(parts.secret)) ? found : undefined;
  }

  /** Returns whether a token has a live session, also if it is bound to a device that this call does not prove. */
  async isLive(token: string): Promise<boolean> {
    return (await this.#find(partsOf(token))) !== undefined;
  }

  #isHonoured({ content }: FoundSession, hash: string): boolean {
    return honoured(content.meta.secrets, hash, this.#now()) !== undefined;
  }

  /** Returns whether {@link commit} would write anything. */
  isDue(state: SessionState): boolean {
    return this.isChanged(state) || this.isUseDue(state);
  }

  /** Returns whether {@link commit} would touch an unchanged session. */
  isUseDue(state: SessionState): boolean {
    const { stored } = state;
    return stored !== undefined && (this.#isTouchDue(state) || this.#isUnlisted(stored));
  }

  /** Returns whether {@link commit} would write more than a touch. */
  isChanged(state: SessionState): boolean {
    return state.destroyed !== undefined || state.merged.length > 0 || state.isChanged();
  }

  /**
   * Adds the values of the session of `token` to the state, and takes the later of the two deadlines. The other session
   * ends when this one has been saved.
   *
   * @returns whether there was another session.
   */
  async merge(state: SessionState, token: string): Promise<boolean> {
    const other = await this.#find(partsOf(token));
    if (other === undefined || other.id === state.stored?.id) return false;
    if (this.#options.bindings?.doubtIn(other, undefined) !== undefined) return false;
    const { deadline } = other.content;
    const values = this.#copyOf(other);
    for (const key of Object.keys(values)) state.set(key, values[key]);
    if (deadline > state.settings.deadline) state.setDeadline(deadline);
    state.merged = [...state.merged.filter(({ id }) => id !== other.id), other];
    return true;
  }

  /**
   * Ends, saves, renews or touches the session, as its state requires. Commits of one session take turns.
   */
  async commit(state: SessionState): Promise<void> {
    if (state.destroyed !== undefined) await this.#endDestroyed(state);
    state.isSaveVoid = false;
    await this.#save(state);
    if (state.merged.length > 0) await this.#endMerged(state);
    if (state.destroyed !== undefined) await this.#endDestroyed(state); // destroyed during the save
  }

  async #endDestroyed(state: SessionState): Promise<void> {
    const { destroyed } = state;
    if (destroyed === undefined) return;
    await this.#endOthers(state); // first: if it fails, the session is still there and the next commit tries again
    const found = await this.#ending.end(foundOf(destroyed));
    state.destroyed = undefined;
    this.#writer.emitEnd(
      found === undefined ? destroyed : { ...destroyed, meta: found.content.meta },
      "destroyed",
    );
  }

  /** Ends the sessions of the request's other tokens. */
  async #endOthers(state: SessionState): Promise<void> {
    for (let [token] = state.otherTokens; token !== undefined; [token] = state.otherTokens) {
      const other = await this.#find(partsOf(token));
      if (other !== undefined && other.id !== state.destroyed?.id) {
        await this.#ending.end(other);
        this.#ending.emitDestroyed(other);
      }
      state.otherTokens = state.otherTokens.slice(1);
    }
  }

  /** Ends the merged sessions, after saving the changes that others have made in them since. */
  async #endMerged(state: SessionState): Promise<void> {
    for (
      let tries = 0;
      state.merged.length > 0 && (state.stored !== undefined || !state.isChanged());
      tries++
    ) {
      const [other] = state.merged as [FoundSession];
      if (isYielding(state.stored, other)) {
        state.merged = state.merged.filter((each) => each !== other);
        continue;
      }
      const current =
        tries < MAX_MERGES ? await this.#ending.endUnchanged(other) : await this.#ending.end(other);
      if (current === undefined || tries >= MAX_MERGES) {
        state.merged = state.merged.filter((each) => each !== other);
        this.#ending.emitDestroyed(other);
        continue;
      }
      state.takeChanges(other.content.values, this.#copyOf(current));
      state.merged = state.merged.map((each) => (each === other ? current : each));
      await this.#save(state);
    }
  }

  /** Decodes the values of a session again: the app may change the copy, and later changes are found by the original. */
  #copyOf({ record }: FoundSession): Record<string, unknown> {
    return this.#options.home.encoder.decode(record.data).values;
  }

  #save(state: SessionState): Promise<void> | undefined {
    const { stored } = state;
    if (stored === undefined) {
      if (!state.isChanged()) return undefined;
      if (state.settings.deadline > this.#now()) return this.#writer.save(state);
      state.expire(); // before it began
    } else if (state.settings.deadline <= this.#now()) this.#writer.expire(state);
    else if (state.isChanged() || this.#isUnlisted(stored)) return this.#writer.save(state);
    else if (this.#isTouchDue(state)) return this.#touch(stored, state);
    return undefined;
  }

  /** Returns whether the record lacks the owner that `owner` now returns, for example because the option is new. */
  #isUnlisted({ owner, meta }: StoredSession): boolean {
    const { owners } = this.#options;
    return owners !== undefined && owner !== undefined && meta.owner?.hash !== owners.hashOf(owner);
  }

  #isTouchDue({ stored, settings }: SessionState): boolean {
    if (stored === undefined) return false;
    const { idleTimeoutMs, touchAfterMs } = stored.timeouts;
    if (idleTimeoutMs === Number.POSITIVE_INFINITY) return false;
    const expiry = stored.record.expiry.getTime();
    return expiry < settings.deadline && this.#now() - (expiry - idleTimeoutMs) >= touchAfterMs;
  }

  async #touch(stored: StoredSession, state: SessionState): Promise<void> {
    if (this.#writer.isCheckDue(stored)) return this.#writer.save(state);
    const expiry = this.#writer.expiryOf(state.settings.deadline, stored.timeouts);
    const isConditional = !this.#options.policy.isFixed;
    const isLive = await this.#records.touch(stored.key, stored.record, expiry, isConditional);
    if (state.isSaveVoid) return;
    if (isLive) state.stored = { ...stored, record: { data: stored.record.data, expiry } };
    else if (isLive === false) this.#writer.endElsewhere(state);
  }
}
