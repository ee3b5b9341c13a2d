import { inspect } from "node:util";
import { bindingOf, type DeviceBinding } from "./device-bound/bound-state.js";
import { handleOf } from "./persistence/stored-session.js";
import { SessionError } from "./session-error.js";
import { sessionIdOf, sessionTokenOf } from "./state/session-names.js";
import type { SessionState } from "./state/session-state.js";

/**
 * - `unmodified`: unchanged since it was loaded, or new and empty.
 * - `modified`: there are changes to save.
 * - `destroyed`: ended by `destroy()`, or by another request or the deadline, which only a save detects.
 */
export type SessionStatus = "unmodified" | "modified" | "destroyed";

/** Options of `renew`. */
export interface RenewOptions {
  /** Whether to restart the absolute lifetime. @default false */
  newLifetime?: boolean;
  /**
   * Time in ms for which the old token still leads to the session, at most an hour. For parallel requests of one page that
   * were sent before the new token arrived. Leave it out at log-in, where the old token must become worthless.
   *
   * @default 0
   */
  graceMs?: number;
}

/**
 * Adds the values of the session of `token` to another, and returns whether there was one.
 *
 * @internal
 */
type Merge = (state: SessionState, token: string) => Promise<boolean>;

const MAX_GRACE_MS = 3_600_000;
/** The last instant that a `Date` holds. */
const MAX_DATE_MS = 8.64e15;

/**
 * Key under which a proxy of a session has the session.
 *
 * @internal
 */
export const itself: unique symbol = Symbol("session");

/** @internal */
let stateOf: <T extends object>(session: Session<T>) => SessionState;
/** @internal */
let createSession: <T extends object>(state: SessionState, merge: Merge) => Session<T>;

/**
 * The session of one visitor, as one request sees it. Works like a `Map`. Changes reach the store when the manager commits
 * them, which the middleware does before the response leaves. After the headers were sent, every change throws
 * `TOO_LATE`.
 */
export class Session<T extends object = Record<string, unknown>> {
  readonly #state: SessionState;
  readonly #merge: Merge;

  static {
    stateOf = (session) => {
      if (typeof session === "object" && session !== null && #state in session) return session.#state;
      const own = (session as { [itself]?: Session } | undefined)?.[itself];
      if (own !== undefined) return own.#state;
      throw new TypeError(
        "this is no session: pass the result of sessions.get(req), or of await sessions.load(token)",
      );
    };
    createSession = (state, merge) => new Session(state, merge);
    // `console.log` shows neither values nor the token.
    Object.defineProperty(Session.prototype, Symbol.for("nodejs.util.inspect.custom"), { value: show });
  }

  /** @internal */
  get [itself](): Session<T> {
    return this;
  }

  /** Only a manager creates sessions: `sessions.get(req)` or `sessions.load(token)`. */
  private constructor(state: SessionState, merge: Merge) {
    this.#state = state;
    this.#merge = merge;
  }

  get status(): SessionStatus {
    if (this.#state.isChanged()) return "modified";
    return this.#state.endReason === undefined ? "unmodified" : "destroyed";
  }

  /** The end of the absolute lifetime. An idle timeout may end the session earlier. */
  get deadline(): Date {
    return new Date(this.#state.settings.deadline);
  }

  /**
   * Identifies the session in logs, and for libraries that bind a CSRF token to a session. No secret. Exists before the
   * first save, and changes with `renew()` and `destroy()`.
   */
  get id(): string {
    return sessionIdOf(this.#state);
  }

  /**
   * The token that the client sends: keep it out of logs. Valid after the first save. `undefined` in `iterate`, because
   * the store does not have tokens.
   */
  get token(): string | undefined {
    return sessionTokenOf(this.#state);
  }

  /**
   * Identifies the session in `list` and `revoke`. `undefined` if the session has no owner, or was not saved since it got
   * one.
   */
  get handle(): string | undefined {
    return handleOf(this.#state.stored);
  }

  /** Returns the value under `key`. Objects may be changed in place; such changes are detected and saved. */
  get<K extends keyof T & string>(key: K): T[K] | undefined {
    return this.#state.values.get(key) as T[K] | undefined;
  }

  /** Sets a value. A value that cannot be stored fails the save. @throws SessionError `TOO_LATE` */
  set<K extends keyof T & string>(key: K, value: T[K]): this {
    this.#state.set(key, value);
    return this;
  }

  /** Removes the value under `key`. Returns whether there was one. */
  delete(key: keyof T & string): boolean {
    return this.#state.delete(key);
  }

  has(key: keyof T & string): boolean {
    return this.#state.values.has(key);
  }

  keys(): IterableIterator<keyof T & string> {
    return this.#state.values.keys() as IterableIterator<keyof T & string>;
  }

  /** Removes all values, and the user's authentication. The session itself continues. */
  clear(): void {
    this.#state.forgetAuthentication();
    for (const key of [...this.#state.values.keys()]) this.#state.delete(key);
  }

  /** Returns the value under `key` and removes it, for messages that are shown once. */
  pop<K extends keyof T & string>(key: K): T[K] | undefined {
    const value = this.#state.values.get(key) as T[K] | undefined;
    this.#state.delete(key);
    return value;
  }

  /**
   * Issues a new token with the next save, and invalidates the old one. Call it whenever the visitor's rights change, above
   * all at log-in, so that a token planted by an attacker becomes worthless (session fixation, OWASP Session Management
   * Cheat Sheet).
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

  /** Moves the end of the absolute lifetime. A time in the past ends the session with the next save. */
  setDeadline(deadline: Date): void {
    const ms = deadline instanceof Date ? deadline.getTime() : Number.NaN;
    if (!(ms > -MAX_DATE_MS && ms < MAX_DATE_MS)) throw new TypeError("deadline must be a valid Date");
    this.#state.setDeadline(ms);
  }

  /** Time of the last `markAuthenticated`. */
  get authenticatedAt(): Date | undefined {
    const ms = this.#state.authenticatedAt;
    return ms === undefined ? undefined : new Date(ms);
  }

  /**
   * Records that the user has just authenticated, at log-in or before a sensitive operation. Issues a new token and restarts
   * the lifetime, as NIST SP 800-63B-4 (section 5.2) and OWASP ASVS 5 (7.2.4) require.
   */
  markAuthenticated(): void {
    this.#state.markAuthenticated();
  }

  /**
   * Throws unless the user has authenticated within the last `ms`. Call it before a sensitive operation, and ask the user to
   * log in again if it throws.
   *
   * @throws SessionError `REAUTHENTICATE`. RangeError if `ms` is not a positive number.
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

  /** State of the device binding: see {@link DeviceBinding}. */
  get binding(): DeviceBinding {
    return bindingOf(this.#state);
  }

  /** Sets whether the cookie of this session survives the closing of the browser: "remember me". @default `cookie.persist` */
  remember(on: boolean): void {
    this.#state.setPersist(Boolean(on));
  }

  /**
   * Adds the values of the session of `token` to this one, and takes the later of the two deadlines, for a session that a
   * redirect has lost. The other session ends when this one has been saved; if the save fails, the other continues.
   *
   * @returns Whether there was another session.
   * @throws StoreError if the store fails.
   */
  merge(token: string): Promise<boolean> {
    return this.#merge(this.#state, token);
  }

  /**
   * Removes all values, and ends the session for all its clients with the next save. Values that are set afterwards begin a
   * new session with a new token.
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
