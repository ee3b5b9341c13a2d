import type { SessionCodec, SessionContent } from "../codecs/codec.js";
import type { SessionMeta } from "../codecs/session-meta.js";
import type { Destroyed, EndReason, StoredSession, Told } from "../persistence/stored-session.js";
import { SessionError } from "../session-error.js";
import { SessionValues } from "./session-values.js";

/** What a session needs of its manager. */
export interface SessionHome {
  codec: SessionCodec;
  /** How large a session may be, encoded. */
  maxBytes: number;
  /** The deadline of a session that begins now, in ms since the epoch. */
  newDeadline(): number;
  /** Whose session this is, by its values. */
  ownerOf(values: Record<string, unknown>): string | undefined;
}

/** What the manager knows of a session: what the store holds, and what this request has made of it. */
export class SessionState {
  readonly #home: SessionHome;
  readonly values: SessionValues;
  deadline: number;
  /** Whether the cookie outlives the browser; `undefined`: as the manager's cookies do. */
  persist: boolean | undefined;
  stored: StoredSession | undefined;
  /** As the store has it. */
  meta: SessionMeta | undefined;
  /** Whose it is, as the store has it. */
  owner: string | undefined;
  /** The session that was destroyed, and is to be ended in the store, and the token that its client has. */
  destroyed: Told | undefined;
  /** Sessions that were merged into this one: ended when it is saved. */
  readonly merged: Destroyed[] = [];
  isRenewed = false;
  /** How long the token before the renewal still leads here. */
  graceMs = 0;
  endReason: EndReason | undefined;
  /** Whether the session was destroyed during the commit under way: what that saves is to be ended as well. */
  isSaveVoid = false;
  /** Whether the head of the response has left: what is changed now, nobody would save. */
  isClosed = false;
  /** Counts what is said of the session beside its values: deadline and persistence. */
  #revision = 0;
  /** What of that the store has. */
  savedRevision = 0;
  #draftedRevision = 0;
  #draftedMeta: SessionMeta | undefined;
  /** Whether deadline and persistence were set by this request, and so stand against what the store holds. */
  #isDeadlineOwn = false;
  #isPersistOwn = false;
  #lastCommit: Promise<unknown> | undefined;

  constructor(home: SessionHome) {
    this.#home = home;
    this.values = new SessionValues(home.codec, home.maxBytes);
    this.deadline = home.newDeadline();
  }

  get token(): string | undefined {
    return this.stored?.token;
  }

  /** Whether a commit is under way, or waits for one. */
  get isBeingCommitted(): boolean {
    return this.#lastCommit !== undefined;
  }

  /** Runs the commits of one session one after the other: side by side, each could begin a session of its own. */
  inTurn<R>(commit: () => Promise<R>): Promise<R> {
    const turn = this.#lastCommit === undefined ? commit() : this.#lastCommit.then(commit);
    const done: Promise<void> = turn.then(
      () => this.#endTurn(done),
      () => this.#endTurn(done), // a failure is for the caller of that commit to handle
    );
    this.#lastCommit = done;
    return turn;
  }

  #endTurn(done: Promise<void>): void {
    if (this.#lastCommit === done) this.#lastCommit = undefined;
  }

  /** Takes over what the store holds. The changes of this request that are not saved stay on top of it. */
  adopt(stored: StoredSession, content: SessionContent): void {
    const { data } = stored.record;
    if (this.stored === undefined && this.values.size === 0) this.values.load(content.values, data);
    else this.values.merge(content.values, data);
    this.stored = stored;
    this.meta = content.meta;
    this.owner = this.#home.ownerOf(content.values);
    if (!this.#isDeadlineOwn) this.deadline = content.deadline;
    if (!this.#isPersistOwn) this.persist = content.meta.persist;
  }

  /** Gives the data to write, noted as `meta` says. Changes that are made meanwhile stay for the next draft. */
  draft(meta: SessionMeta): Uint8Array {
    this.#draftedRevision = this.#revision;
    this.#draftedMeta = meta;
    return this.values.draft({ version: 1, deadline: this.deadline, meta });
  }

  /** Notes that the last draft is in the store now, as a session of `owner`. */
  saved(stored: StoredSession, owner: string | undefined): void {
    const meta = this.#draftedMeta;
    if (this.isSaveVoid) {
      this.destroyed = this.#ending(stored, owner, meta?.id); // not where it was before: it is here now
      return;
    }
    this.stored = stored;
    this.meta = meta;
    this.owner = owner;
    this.values.saved(stored.record.data);
    this.savedRevision = this.#draftedRevision;
    if (this.savedRevision === this.#revision) this.#isDeadlineOwn = this.#isPersistOwn = false;
    this.endReason = undefined;
  }

  /** Notes that the session is no more. What it held is not saved. */
  end(reason: EndReason): void {
    this.stored = undefined;
    this.meta = undefined;
    this.owner = undefined;
    this.endReason = reason;
    this.isRenewed = false;
    this.values.reset();
    this.deadline = this.#home.newDeadline();
    this.persist = undefined;
    this.#isDeadlineOwn = this.#isPersistOwn = false;
    this.savedRevision = this.#revision;
  }

  set(key: string, value: unknown): void {
    this.#assertOpen();
    this.values.set(key, value);
  }

  delete(key: string): boolean {
    this.#assertOpen();
    return this.values.delete(key);
  }

  renew(newLifetime: boolean, graceMs: number): void {
    this.#assertOpen();
    this.isRenewed = true;
    this.graceMs = graceMs;
    if (newLifetime) this.setDeadline(this.#home.newDeadline());
  }

  setDeadline(ms: number): void {
    this.#assertOpen();
    this.deadline = ms;
    this.#isDeadlineOwn = true;
    this.#revision++;
  }

  setPersist(on: boolean): void {
    this.#assertOpen();
    if (this.persist === on) return;
    this.persist = on;
    this.#isPersistOwn = true;
    this.#revision++;
  }

  /** What is carried out at once, `isAtOnce`, may come after the head of the response. */
  destroy(isAtOnce = false): void {
    if (!isAtOnce) this.#assertOpen();
    if (this.stored !== undefined) this.#toBeEnded(this.stored);
    this.end("destroyed");
    this.isSaveVoid = true;
  }

  #toBeEnded(stored: StoredSession): void {
    this.destroyed ??= this.#ending(stored, this.owner, this.meta?.id);
  }

  #ending({ key, token, record }: StoredSession, owner: string | undefined, id: string | undefined): Told {
    return { key, token, data: record.data, owner, id };
  }

  /** Notes that the session is at its deadline. The store does not know of one that the app has set: it is told. */
  expire(): void {
    if (this.stored !== undefined && this.#isDeadlineOwn) this.#toBeEnded(this.stored);
    this.end(this.#isDeadlineOwn ? "destroyed" : "expired");
  }

  /** Whether the deadline was set, and the store does not know. */
  get isLifetimeChanged(): boolean {
    return this.#isDeadlineOwn && this.#revision !== this.savedRevision;
  }

  /** Whether there is something to write: a change, or a new token for a session that has one. */
  isChanged(): boolean {
    if (this.stored === undefined) return this.values.size > 0;
    return (
      this.isRenewed ||
      this.values.isChanged ||
      this.#revision !== this.savedRevision ||
      this.values.isChangedInPlace()
    );
  }

  /** @throws SessionError `TOO_LATE` if the head of the response has left. */
  #assertOpen(): void {
    if (!this.isClosed) return;
    throw new SessionError(
      "TOO_LATE",
      "the session was changed after the head of the response had left, with nothing to save it: change it before the first byte of the body, or load it anew and commit that",
    );
  }
}
