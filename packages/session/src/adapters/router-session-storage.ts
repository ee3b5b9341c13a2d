import type { Session } from "../session.js";
import type { SessionManager } from "../session-manager.js";

/** A session of React Router's `SessionStorage`. */
export interface RouterSession<T extends object> {
  readonly id: string;
  readonly data: Partial<T>;
  has(name: keyof T & string): boolean;
  /** Returns a value, and removes it if it was set by `flash`. */
  get<K extends keyof T & string>(name: K): T[K] | undefined;
  set<K extends keyof T & string>(name: K, value: T[K]): void;
  /** Sets a value that `get` removes. */
  flash<K extends keyof T & string>(name: K, value: T[K]): void;
  unset(name: keyof T & string): void;
}

/** Options of `commitSession`: when the session ends. */
export interface RouterCommitOptions {
  /** Seconds from now. */
  maxAge?: number | undefined;
  expires?: Date | undefined;
}

/** React Router's `SessionStorage`. */
export interface RouterSessionStorage<T extends object> {
  getSession(cookieHeader?: string | null): Promise<RouterSession<T>>;
  /** Saves a session, and returns the `Set-Cookie` header. */
  commitSession(session: RouterSession<T>, options?: RouterCommitOptions): Promise<string>;
  /** Ends a session, and returns the `Set-Cookie` header that removes the cookie. */
  destroySession(session: RouterSession<T>): Promise<string>;
}

const flashName = (name: string): string => `__flash_${name}__`;

/**
 * Makes a `SessionStorage`, for apps of React Router that use one already. Replaces `createCookieSessionStorage`:
 *
 *     export const { getSession, commitSession, destroySession } = routerSessionStorage(sessions);
 *
 * A commit after a log-out does not bring the session back. Call `renewSession` at log-in.
 */
export function routerSessionStorage<T extends object, D>(
  sessions: SessionManager<T, D>,
): RouterSessionStorage<T> & {
  /** Renews the token with the next commit. Call it at log-in. */
  renewSession(session: RouterSession<T>): void;
} {
  return {
    async getSession(cookieHeader) {
      return new StoredRouterSession<T>(await sessions.load({ headers: { cookie: cookieHeader ?? "" } }));
    },
    async commitSession(session, { maxAge, expires } = {}) {
      const own = ownOf(session);
      const deadline = maxAge === undefined ? expires : new Date(Date.now() + maxAge * 1000);
      if (deadline !== undefined) {
        own.setDeadline(deadline);
        own.remember(true);
      }
      await sessions.commit(own);
      return sessions.tokenHeader(own).value;
    },
    async destroySession(session) {
      const own = ownOf(session);
      await sessions.destroy(own);
      return sessions.tokenHeader(own).value;
    },
    renewSession: (session) => ownOf(session).renew(),
  };
}

let ownOf: <T extends object>(session: RouterSession<T>) => Session<T>;

class StoredRouterSession<T extends object> implements RouterSession<T> {
  readonly #session: Session<Record<string, unknown>>;

  static {
    ownOf = <T extends object>(session: RouterSession<T>) => {
      if (session instanceof StoredRouterSession) return session.#session as unknown as Session<T>;
      throw new TypeError("commitSession and destroySession accept only sessions returned by getSession");
    };
  }

  constructor(session: Session<T>) {
    this.#session = session as unknown as Session<Record<string, unknown>>;
  }

  get id(): string {
    return this.#session.id;
  }

  get data(): Partial<T> {
    const entries = [...this.#session.keys()].map((key) => [key, this.#session.get(key)]);
    return Object.fromEntries(entries) as Partial<T>;
  }

  has(name: keyof T & string): boolean {
    return this.#session.has(name) || this.#session.has(flashName(name));
  }

  get<K extends keyof T & string>(name: K): T[K] | undefined {
    const key = this.#session.has(name) ? name : flashName(name);
    const value = this.#session.get(key);
    if (key !== name && this.#session.has(key)) this.#session.delete(key);
    return value as T[K] | undefined;
  }

  set<K extends keyof T & string>(name: K, value: T[K]): void {
    this.#session.set(name, value);
  }

  flash<K extends keyof T & string>(name: K, value: T[K]): void {
    this.#session.set(flashName(name), value);
  }

  unset(name: keyof T & string): void {
    this.#session.delete(name);
  }
}
