import type { SessionState } from "./session-state.js";

/**
 * - `unmodified`: as it was loaded, or new and empty: nothing to save.
 * - `modified`: there are changes to save.
 * - `destroyed`: ended, by `destroy()` or, as a save found out, by another request or its deadline.
 */
export type SessionStatus = "unmodified" | "modified" | "destroyed";

export interface RenewOptions {
  /** Whether the absolute lifetime starts anew as well. @default false */
  newLifetime?: boolean;
}

let stateOf: <T extends object>(session: Session<T>) => SessionState;

/**
 * The values of one visitor's session, as one request sees them. Works like a `Map`; nothing reaches the
 * store before the manager commits it, which the middleware does before the response leaves.
 */
export class Session<T extends object = Record<string, unknown>> {
  readonly #state: SessionState;

  static {
    stateOf = (session) => session.#state;
  }

  /** Sessions come from a manager: `sessions.get(req)` or `sessions.load(token)`. */
  constructor(state: SessionState) {
    this.#state = state;
  }

  get status(): SessionStatus {
    if (this.#state.isChanged()) return "modified";
    return this.#state.isEnded ? "destroyed" : "unmodified";
  }

  /** The end of the absolute lifetime. An idle timeout may end the session before. */
  get deadline(): Date {
    return new Date(this.#state.deadline);
  }

  /** The secret that stands for this session; `undefined` until it was first saved. Keep it out of logs. */
  get token(): string | undefined {
    return this.#state.token;
  }

  /** The value under `key`. Objects may be changed in place: that counts as a change and is saved. */
  get<K extends keyof T & string>(key: K): T[K] | undefined {
    return this.#state.get(key) as T[K] | undefined;
  }

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

  /** Removes all values; the session itself goes on. */
  clear(): void {
    for (const key of [...this.#state.values.keys()]) this.#state.delete(key);
  }

  /** Gives the value under `key` and removes it: for messages that are shown once. */
  pop<K extends keyof T & string>(key: K): T[K] | undefined {
    const value = this.get(key);
    this.delete(key);
    return value;
  }

  /**
   * Gives the session a new token with the next save, and ends the old one. Call it whenever the visitor's
   * rights change, at log-in above all: a token that somebody planted before is worthless then (session
   * fixation, OWASP Session Management Cheat Sheet).
   */
  renew({ newLifetime = false }: RenewOptions = {}): void {
    this.#state.renew(newLifetime);
  }

  /**
   * Ends the session, with the next save also for whoever else holds its token, and removes all values.
   * Values that are set afterwards begin a new session, under a new token.
   */
  destroy(): void {
    this.#state.destroy();
  }
}

export { stateOf };
