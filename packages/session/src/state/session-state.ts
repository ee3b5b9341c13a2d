import type { SessionMeta } from "../codecs/session-meta.js";
import type { BoundState } from "../device-bound/bound-state.js";
import type { Renewal } from "../persistence/secrets.js";
import { newId, newSecret, sha256, type TokenParts } from "../persistence/session-token.js";
import type { FoundSession, StoredSession } from "../persistence/stored-session.js";
import type { SessionPolicy } from "../policy/session-policy.js";
import { SessionError } from "../session-error.js";
import type { EndReason } from "../session-events.js";
import { CommitTurns } from "./commit-turns.js";
import type { SessionEncoder } from "./session-encoder.js";
import { SessionSettings } from "./session-settings.js";
import { SessionValues } from "./session-values.js";

/** The parts of a manager that a session needs. */
export interface SessionHome {
  encoder: SessionEncoder;
  /** Returns the deadline of a session that begins now, in ms since the epoch. */
  newDeadline(): number;
  /** Returns the owner of a session with these values. */
  ownerOf(values: Record<string, unknown>): string | undefined;
  policy: SessionPolicy;
  now: () => number;
}

/** A snapshot of the state for one attempt to save. */
export interface Draft {
  data: Uint8Array;
  deadline: number;
  revision: number;
  renewal: Renewal | undefined;
}

/** A session as one request sees it: the stored session, and the changes of the request. */
export class SessionState {
  readonly #home: SessionHome;
  readonly values: SessionValues;
  readonly settings: SessionSettings;
  readonly turns: CommitTurns = new CommitTurns();
  /** The session in the store; `undefined` before the first save and after the end. */
  stored: StoredSession | undefined;
  /** The destroyed session, until it has ended in the store. */
  destroyed: StoredSession | undefined;
  /** The other tokens of the request, whose sessions a log-out ends as well. */
  otherTokens: readonly string[] = [];
  /** Sessions that were merged into this one, and end after its save. */
  merged: FoundSession[] = [];
  /** The new secret of a requested renewal. */
  renewal: Renewal | undefined;
  endReason: EndReason | undefined;
  /** Whether the session was destroyed during the current commit, which must then end the session that it saves. */
  isSaveVoid = false;
  /** Whether the headers were sent, so that nothing would save a change. */
  isClosed = false;
  /** Time until which the key stays occupied after the session's end; for a derived ID. */
  barredUntil: number | undefined;
  /** Describes the client of the request; for managers with `client`. */
  describeClient: (() => SessionMeta["client"]) | undefined;
  /** The device binding, as the request sees it; `undefined` if sessions are not bound. */
  bound: BoundState | undefined;
  /** The future token of an unsaved session. */
  #fresh: TokenParts | undefined;

  constructor(home: SessionHome, deadline: number = home.newDeadline()) {
    this.#home = home;
    this.values = new SessionValues(home.encoder);
    this.settings = new SessionSettings(home, deadline);
  }

  /** The ID and secret of an unsaved session. */
  get fresh(): TokenParts {
    this.#fresh ??= { id: newId(), secret: newSecret() };
    return this.#fresh;
  }

  /** Sets the ID of an unsaved session to a derived one, which may be in use. */
  deriveFrom(id: string, barredUntil: number): void {
    this.#fresh = { id, secret: newSecret() };
    this.barredUntil = barredUntil;
  }

  /** Requests an additional secret for a client that has none. */
  join(): void {
    this.renewal = { secret: newSecret(), graceMs: Number.POSITIVE_INFINITY };
  }

  /** Drops the changes of this request, and takes over the stored session. */
  reload(found: FoundSession, { secret, secretHash }: StoredSession): void {
    this.end("ended");
    this.endReason = undefined;
    this.adopt(found, secret, secretHash);
  }

  /** Takes over the stored session, and keeps the unsaved changes of this request. */
  adopt(
    { id, key, record, content }: FoundSession,
    secret: string | undefined,
    secretHash: string | undefined = hashOf(secret),
  ): void {
    if (this.stored === undefined && this.values.size === 0) this.values.load(content.values, record.data);
    else this.values.merge(content.values, record.data);
    const { deadline, meta } = content;
    const owner = this.#home.ownerOf(content.values);
    const timeouts = this.#home.policy.isFixed
      ? this.#home.policy.base
      : this.#home.policy.of(content.values);
    this.stored = { id, key, secret, secretHash, record, deadline, meta, owner, timeouts };
    this.settings.adopt(deadline, meta);
  }

  /**
   * Encodes the session for a save. Later changes remain for the next draft.
   *
   * @throws SessionError `INVALID_VALUE`, `TOO_LARGE`.
   */
  draft(meta: SessionMeta): Draft {
    const { renewal } = this;
    const { deadline, revision } = this.settings;
    return { data: this.values.draft(deadline, meta), deadline, revision, renewal };
  }

  /** Marks a draft as saved. */
  saved(stored: StoredSession, { revision, renewal }: Draft): void {
    if (this.isSaveVoid) {
      this.destroyed = stored;
      return;
    }
    this.stored = stored;
    this.#fresh = undefined;
    if (this.renewal === renewal) this.renewal = undefined; // otherwise another renewal was requested meanwhile
    this.values.saved(stored.record.data);
    this.settings.saved(revision);
    this.endReason = undefined;
  }

  /** Marks the session as ended, and drops its values. */
  end(reason: EndReason): void {
    this.stored = undefined;
    this.#fresh = undefined;
    this.barredUntil = undefined;
    this.renewal = undefined;
    this.merged = [];
    this.endReason = reason;
    this.values.reset();
    this.settings.reset();
  }

  set(key: string, value: unknown): void {
    this.#assertOpen();
    // Keys are stored as text: a number would become another key, and a symbol would be lost.
    if (typeof key !== "string")
      throw new TypeError(`the key of a session value must be a string, got ${typeof key}`);
    this.values.set(key, value);
  }

  delete(key: string): boolean {
    this.#assertOpen();
    return this.values.delete(key);
  }

  /** Takes over the changes of others in a session that was merged into this one. */
  takeChanges(before: Record<string, unknown>, after: Record<string, unknown>): void {
    for (const key of this.#home.encoder.changedKeys(before, after)) {
      if (Object.hasOwn(after, key)) this.values.set(key, after[key]);
      else this.values.delete(key);
    }
  }

  renew(newLifetime: boolean, graceMs: number): void {
    this.#assertOpen();
    if (newLifetime) this.settings.beginLifetime();
    if (this.stored === undefined) this.#fresh = undefined;
    else {
      // Of two renewals in one request, for example by a log-in and by middleware, the shorter grace period wins.
      const former = this.renewal?.graceMs ?? Number.POSITIVE_INFINITY;
      this.renewal = { secret: newSecret(), graceMs: Math.min(graceMs, former) };
    }
  }

  setDeadline(ms: number): void {
    this.#assertOpen();
    this.settings.setDeadline(ms);
  }

  /** Records an authentication, which renews the token and restarts the lifetime. */
  markAuthenticated(): void {
    this.renew(true, 0);
    this.settings.setAuthentication(this.#home.now());
  }

  /** Withdraws the user's authentication. */
  forgetAuthentication(): void {
    if (this.authenticatedAt === undefined) return;
    this.#assertOpen();
    this.settings.setAuthentication(undefined);
  }

  get now(): number {
    return this.#home.now();
  }

  /** Time of the last authentication, in ms since the epoch. */
  get authenticatedAt(): number | undefined {
    const { authentication } = this.settings;
    return authentication === undefined ? this.stored?.meta.authenticated : authentication.at;
  }

  setPersist(on: boolean): void {
    this.#assertOpen();
    this.settings.setPersist(on);
  }

  /** Destroys the session. Allowed after the headers only if the commit follows at once (`isAtOnce`). */
  destroy(isAtOnce = false): void {
    if (!isAtOnce) this.#assertOpen();
    this.destroyed ??= this.stored;
    this.end("destroyed");
    this.isSaveVoid = true;
  }

  /** Marks the session as expired. If the app has set the deadline, the stored session must still be ended. */
  expire(): void {
    const isByApp = this.settings.hasOwnDeadline;
    if (isByApp) this.destroyed ??= this.stored;
    this.end(isByApp ? "destroyed" : "expired");
  }

  /** Returns whether there is something to save: a change, or a renewal of a stored session. */
  isChanged(): boolean {
    if (this.stored === undefined) return this.values.size > 0;
    return (
      this.renewal !== undefined ||
      this.values.isChanged ||
      this.settings.isRevised ||
      this.values.isChangedInPlace()
    );
  }

  /** @throws SessionError `TOO_LATE` if the headers have been sent. */
  #assertOpen(): void {
    if (!this.isClosed) return;
    throw new SessionError(
      "TOO_LATE",
      "the session was changed after the headers were sent, when nothing would save it: change it before the first byte of the body, or load it again and commit it yourself",
    );
  }
}

function hashOf(secret: string | undefined): string | undefined {
  return secret === undefined ? undefined : sha256(secret);
}
