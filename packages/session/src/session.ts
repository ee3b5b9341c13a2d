import { inspect } from "node:util";
import { bindingOf, type DeviceBinding } from "./device-bound/bound-state.js";
import { handleOf } from "./persistence/stored-session.js";
import { SessionError } from "./session-error.js";
import type { SessionState } from "./state/session-state.js";

/**
 * - `unmodified`: as it was loaded, or new and empty: nothing to save.
 * - `modified`: there are changes to save.
 * - `destroyed`: ended, by `destroy()` or, as a save found out, by another request or its deadline.
 */
export type SessionStatus = "unmodified" | "modified" | "destroyed";

/** Options of `renew`. */
export interface RenewOptions {
  /** Whether the absolute lifetime starts anew as well. @default false */
  newLifetime?: boolean;
  /**
   * For how long the old token leads to the same session, to read and to write: for parallel requests of one
   * page that were sent before the new token came. Leave it out at log-in, where the old token must be worth
   * nothing. In ms, at most an hour.
   *
   * @default 0
   */
  graceMs?: number;
}

/**
 * Takes the values of the session that `token` leads to into another, and tells whether there was one.
 *
 * @internal
 */
type Merge = (state: SessionState, token: string) => Promise<boolean>;

const MAX_GRACE_MS = 3_600_000;
/** The last instant that a `Date` holds. */
const MAX_DATE_MS = 8.64e15;

/**
 * By this name, a proxy of a session has the session.
 *
 * @internal
 */
export const itself: unique symbol = Symbol("session");

/** @internal */
let stateOf: <T extends object>(session: Session<T>) => SessionState;
/** @internal */
let createSession: <T extends object>(state: SessionState, merge: Merge) => Session<T>;

/**
 * The values of one visitor's session, as one request sees them. Works like a `Map`; nothing reaches the
 * store before the manager commits it, which the middleware does before the response leaves. Once its head has
 * left, there is no more to be saved: whatever would change the session throws `TOO_LATE`.
 */
export class Session<T extends object = Record<string, unknown>> {
  readonly #state: SessionState;
  readonly #merge: Merge;

  static {
    stateOf = (session) => (#state in session ? session : session[itself]).#state;
    createSession = (state, merge) => new Session(state, merge);
    // `console.log` shows neither values nor the token.
    Object.defineProperty(Session.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: show });
  }

  /** @internal */
  get [itself](): Session<T> {
    return this;
  }

  /** Sessions come from a manager: `sessions.get(req)` or `sessions.load(token)`. */
  private constructor(state: SessionState, merge: Merge) {
    this.#state = state;
    this.#merge = merge;
  }

  get status(): SessionStatus {
    if (this.#state.isChanged()) return "modified";
    return this.#state.endReason === undefined ? "unmodified" : "destroyed";
  }

  /** The end of the absolute lifetime. An idle timeout may end the session before. */
  get deadline(): Date {
    return new Date(this.#state.settings.deadline);
  }

  /**
   * A name of this session that is no secret: for logs, and for libraries that bind a CSRF token to a session. It
   * is there before the first save, the same in each request, and another one from `renew()` and `destroy()` on.
   */
  get id(): string {
    return this.#state.publicId;
  }

  /**
   * The secret that stands for this session: keep it out of logs. It leads to the session once that is saved.
   * `undefined` in `iterate`, since the store knows no tokens.
   */
  get token(): string | undefined {
    return this.#state.token;
  }

  /**
   * What stands for this session in its owner's list, as `list` and `revoke` know it. `undefined` if it is
   * nobody's, or was not saved since it got its owner.
   */
  get handle(): string | undefined {
    return handleOf(this.#state.stored);
  }

  /** The value under `key`. Objects may be changed in place: that counts as a change and is saved. */
  get<K extends keyof T & string>(key: K): T[K] | undefined {
    return this.#state.values.get(key) as T[K] | undefined;
  }

  /** @throws SessionError `TOO_LATE`, as all that changes a session. A value that cannot be stored fails the save. */
  set<K extends keyof T & string>(key: K, value: T[K]): this {
    this.#state.set(key, value);
    return this;
  }

  /** Removes the value under `key`, and tells whether there was one. */
  delete(key: keyof T & string): boolean {
    return this.#state.delete(key);
  }

  has(key: keyof T & string): boolean {
    return this.#state.values.has(key);
  }

  keys(): IterableIterator<keyof T & string> {
    return this.#state.values.keys() as IterableIterator<keyof T & string>;
  }

  /** Removes all values; the session itself goes on. The user's authentication counts no more. */
  clear(): void {
    this.#state.forgetAuthentication();
    for (const key of [...this.#state.values.keys()]) this.#state.delete(key);
  }

  /** Gives the value under `key` and removes it: for messages that are shown once. */
  pop<K extends keyof T & string>(key: K): T[K] | undefined {
    const value = this.#state.values.get(key) as T[K] | undefined;
    this.#state.delete(key);
    return value;
  }

  /**
   * Gives the session a new token with the next save, and ends the old one. Call it whenever the visitor's
   * rights change, at log-in above all: a token that somebody planted before is worthless then (session
   * fixation, OWASP Session Management Cheat Sheet).
   *
   * @throws RangeError if `graceMs` is out of range.
   */
  renew({ newLifetime = false, graceMs = 0 }: RenewOptions = {}): void {
    if (typeof graceMs !== "number" || !(graceMs >= 0 && graceMs <= MAX_GRACE_MS)) {
      throw new RangeError(
        `graceMs must be a number of milliseconds from 0 to ${MAX_GRACE_MS}, got ${graceMs}`,
      );
    }
    this.#state.renew(newLifetime, graceMs);
  }

  /** Moves the end of the absolute lifetime. One that has passed ends the session with the next save. */
  setDeadline(deadline: Date): void {
    const ms = deadline instanceof Date ? deadline.getTime() : Number.NaN;
    if (!(ms > -MAX_DATE_MS && ms < MAX_DATE_MS)) throw new TypeError("deadline must be a valid Date");
    this.#state.setDeadline(ms);
  }

  /** When the user authenticated last, as the app has said by `markAuthenticated`. */
  get authenticatedAt(): Date | undefined {
    const ms = this.#state.authenticatedAt;
    return ms === undefined ? undefined : new Date(ms);
  }

  /**
   * Notes that the user has just authenticated, at log-in or again before something sensitive. Gives the session a new
   * token and a lifetime that begins anew, as NIST SP 800-63B-4 (section 5.2) and OWASP ASVS 5 (7.2.4) ask.
   */
  markAuthenticated(): void {
    this.#state.markAuthenticated();
  }

  /**
   * Makes sure that the user has authenticated within the last `ms`: call it before what is sensitive, and send the
   * user to log in again if it throws.
   *
   * @throws SessionError `REAUTHENTICATE`. RangeError if `ms` is no duration.
   */
  requireRecent(ms: number): void {
    if (typeof ms !== "number" || !(ms > 0)) {
      throw new RangeError(`requireRecent needs a number of milliseconds above 0, got ${String(ms)}`);
    }
    const at = this.#state.authenticatedAt;
    if (at !== undefined && this.#state.now - at < ms) return;
    throw new SessionError(
      "REAUTHENTICATE",
      "the user must authenticate again before this: log in, then session.markAuthenticated()",
    );
  }

  /** What there is of a binding to the device; see {@link DeviceBinding}. */
  get binding(): DeviceBinding {
    return bindingOf(this.#state);
  }

  /** Whether the cookie of this session outlives the browser: "remember me". @default `cookie.persist` */
  remember(on: boolean): void {
    this.#state.setPersist(Boolean(on));
  }

  /**
   * Takes over the values of the session that `token` leads to, on top of its own, and the later of the two
   * deadlines: for what was begun before a redirect that lost its cookie. The other session ends once this one has
   * been saved; if this one cannot be, the other goes on.
   *
   * @returns whether there was another session.
   * @throws StoreError if the store fails.
   */
  merge(token: string): Promise<boolean> {
    return this.#merge(this.#state, token);
  }

  /**
   * Ends the session, with the next save also for whoever else holds its token, and removes all values.
   * Values that are set afterwards begin a new session, under a new token.
   */
  destroy(): void {
    this.#state.destroy();
  }
}

function show(this: Session): string {
  const { id, status } = this;
  return `Session ${inspect({ id, status, keys: [...this.keys()] })}`;
}

/** @internal */
export { createSession, stateOf };
