import type { SessionMeta } from "../codecs/session-meta.js";
import type { BoundState } from "../device-bound/bound-state.js";
import type { Renewal } from "../persistence/secrets.js";
import {
  newId,
  newSecret,
  publicIdOf,
  sha256,
  type TokenParts,
  tokenOf,
} from "../persistence/session-token.js";
import type { FoundSession, StoredSession } from "../persistence/stored-session.js";
import type { SessionPolicy } from "../policy/session-policy.js";
import { SessionError } from "../session-error.js";
import type { EndReason } from "../session-events.js";
import { CommitTurns } from "./commit-turns.js";
import type { SessionEncoder } from "./session-encoder.js";
import { SessionSettings } from "./session-settings.js";
import { SessionValues } from "./session-values.js";

/** What a session needs of its manager. */
export interface SessionHome {
  encoder: SessionEncoder;
  /** The deadline of a session that begins now, in ms since the epoch. */
  newDeadline(): number;
  /** Whose session this is, by its values. */
  ownerOf(values: Record<string, unknown>): string | undefined;
  policy: SessionPolicy;
  now: () => number;
}

/** What one try to save takes from the state at one moment. */
export interface Draft {
  data: Uint8Array;
  deadline: number;
  revision: number;
  renewal: Renewal | undefined;
}

/** Holds what a request knows of its session: what the store has, and what the request has made of it. */
export class SessionState {
  readonly #home: SessionHome;
  readonly values: SessionValues;
  readonly settings: SessionSettings;
  readonly turns: CommitTurns = new CommitTurns();
  /** The session as the store has it; `undefined` for one that is not stored. */
  stored: StoredSession | undefined;
  /** The session that was destroyed, and is to be ended in the store. */
  destroyed: StoredSession | undefined;
  /** Other sessions that the request brought the tokens of: a log-out ends them as well. */
  otherTokens: readonly string[] = [];
  /** Sessions whose values were taken into this one: ended when it has been saved. */
  merged: FoundSession[] = [];
  /** The new secret that was asked for. */
  renewal: Renewal | undefined;
  endReason: EndReason | undefined;
  /** Whether the session was destroyed during the commit under way: what that saves is to be ended as well. */
  isSaveVoid = false;
  /** Whether the headers have been sent: what is changed now, nobody would save. */
  isClosed = false;
  /** Until when the key stays occupied after the session's end, if the ID of a session that is not stored was derived. */
  barredUntil: number | undefined;
  /** Describes the client of the request, if the manager is to note it. */
  describeClient: (() => SessionMeta["client"]) | undefined;
  /** What the request has to do with devices; `undefined` where sessions are not bound. */
  bound: BoundState | undefined;
  /** The token that a session which is not stored yet will have. */
  #fresh: TokenParts | undefined;

  constructor(home: SessionHome, deadline: number = home.newDeadline()) {
    this.#home = home;
    this.values = new SessionValues(home.encoder);
    this.settings = new SessionSettings(home, deadline);
  }

  /** The ID and secret of a session that is not stored yet. */
  get fresh(): TokenParts {
    this.#fresh ??= { id: newId(), secret: newSecret() };
    return this.#fresh;
  }

  /** Gives a session that is not stored yet an ID that was derived, and so may be in use. */
  deriveFrom(id: string, barredUntil: number): void {
    this.#fresh = { id, secret: newSecret() };
    this.barredUntil = barredUntil;
  }

  /** Asks for a secret of this client's own, beside those that are honoured: it has come without one. */
  join(): void {
    this.renewal = { secret: newSecret(), graceMs: Number.POSITIVE_INFINITY };
  }

  /** Forgets what this request has changed, and takes over what the store holds now. */
  reload(found: FoundSession, { secret, secretHash }: StoredSession): void {
    this.end("ended");
    this.endReason = undefined;
    this.adopt(found, secret, secretHash);
  }

  /** The token that leads to the stored session. */
  get storedToken(): string | undefined {
    return tokenTo(this.stored);
  }

  /** The token that the client has, be it that of a session which is about to be ended. */
  get clientToken(): string | undefined {
    return tokenTo(this.stored ?? this.destroyed);
  }

  /** The token that leads to the session, be it after the first save; `undefined` once that has ended. */
  get token(): string | undefined {
    if (this.stored !== undefined) return this.storedToken;
    return this.endReason === undefined || this.isChanged() ? tokenOf(this.fresh) : undefined;
  }

  /** A name of the session that is no secret; each renewal changes it at once. */
  get publicId(): string {
    const { stored, renewal } = this;
    if (renewal !== undefined) return publicIdOf(sha256(renewal.secret));
    if (stored === undefined) return publicIdOf(sha256(this.fresh.secret));
    return publicIdOf(stored.secretHash ?? stored.meta.secrets[0]?.[0] ?? "");
  }

  /** Takes over what the store holds. The changes of this request that are not saved stay on top of it. */
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
   * Encodes what is to be written. Changes that are made meanwhile stay for the next draft.
   *
   * @throws SessionError `INVALID_VALUE`, `TOO_LARGE`.
   */
  draft(meta: SessionMeta): Draft {
    const { renewal } = this;
    const { deadline, revision } = this.settings;
    return { data: this.values.draft(deadline, meta), deadline, revision, renewal };
  }

  /** Notes that a draft is in the store now. */
  saved(stored: StoredSession, { revision, renewal }: Draft): void {
    if (this.isSaveVoid) {
      this.destroyed = stored;
      return;
    }
    this.stored = stored;
    this.#fresh = undefined;
    if (this.renewal === renewal) this.renewal = undefined; // one that was asked for meanwhile is another
    this.values.saved(stored.record.data);
    this.settings.saved(revision);
    this.endReason = undefined;
  }

  /** Notes that the session is no more. What it held is not saved. */
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
    // Stored as text, a number would come back as another key; a symbol, not at all.
    if (typeof key !== "string")
      throw new TypeError(`the key of a session value must be a string, got ${typeof key}`);
    this.values.set(key, value);
  }

  delete(key: string): boolean {
    this.#assertOpen();
    return this.values.delete(key);
  }

  /** Takes along what others changed in a session that was merged into this one. */
  takeChanges(before: Record<string, unknown>, after: Record<string, unknown>): void {
    for (const key of this.values.changedKeys(before, after)) this.values.set(key, after[key]);
  }

  renew(newLifetime: boolean, graceMs: number): void {
    this.#assertOpen();
    if (newLifetime) this.settings.beginLifetime();
    if (this.stored === undefined) this.#fresh = undefined;
    else {
      // Of two in one request, such as of a log-in and of middleware, the stricter decides on the old token.
      const former = this.renewal?.graceMs ?? Number.POSITIVE_INFINITY;
      this.renewal = { secret: newSecret(), graceMs: Math.min(graceMs, former) };
    }
  }

  setDeadline(ms: number): void {
    this.#assertOpen();
    this.settings.setDeadline(ms);
  }

  /** Notes that the user has authenticated: a new token, and a lifetime from now on. */
  markAuthenticated(): void {
    this.renew(true, 0);
    this.settings.setAuthentication(this.#home.now());
  }

  /** Notes that the user's authentication counts no more. */
  forgetAuthentication(): void {
    if (this.authenticatedAt === undefined) return;
    this.#assertOpen();
    this.settings.setAuthentication(undefined);
  }

  get now(): number {
    return this.#home.now();
  }

  /** When the user authenticated last, in ms since the epoch. */
  get authenticatedAt(): number | undefined {
    const { authentication } = this.settings;
    return authentication === undefined ? this.stored?.meta.authenticated : authentication.at;
  }

  setPersist(on: boolean): void {
    this.#assertOpen();
    this.settings.setPersist(on);
  }

  /** A destruction that is carried out at once, `isAtOnce`, may come after the headers. */
  destroy(isAtOnce = false): void {
    if (!isAtOnce) this.#assertOpen();
    this.destroyed ??= this.stored;
    this.end("destroyed");
    this.isSaveVoid = true;
  }

  /** Notes that the session is at its deadline. The store knows nothing of one that the app has set. */
  expire(): void {
    const isByApp = this.settings.hasOwnDeadline;
    if (isByApp) this.destroyed ??= this.stored;
    this.end(isByApp ? "destroyed" : "expired");
  }

  /** Whether there is something to write: a change, or a new token for a session that has one. */
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
      "the session was changed after the headers had been sent, with nothing to save it: change it before the first byte of the body, or load it anew and commit that",
    );
  }
}

function hashOf(secret: string | undefined): string | undefined {
  return secret === undefined ? undefined : sha256(secret);
}

function tokenTo(stored: StoredSession | undefined): string | undefined {
  return stored?.secret === undefined ? undefined : tokenOf({ id: stored.id, secret: stored.secret });
}
