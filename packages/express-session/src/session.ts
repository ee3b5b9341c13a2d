import type { IncomingMessage } from "node:http";
import { inspect } from "node:util";
import { Cookie } from "./cookie.js";

/** A callback of a session's method. It gets the error, if any. */
export type SessionCallback = (error?: unknown) => void;

/** The methods of a request that its session calls. */
export interface SessionOwner {
  readonly req: IncomingMessage;
  save(session: Session): Promise<void>;
  regenerate(): Promise<void>;
  destroy(session: Session): Promise<void>;
  reload(): Promise<void>;
}

/** @internal */
let createSession: (owner: SessionOwner, id: string, newCookie: () => Cookie) => Session;

/**
 * The object `req.session`. Its own properties are the values of the session. Everything else is on the prototype and not
 * enumerable, so that copying a session copies only values.
 */
export class Session {
  [key: string]: unknown;
  readonly #owner: SessionOwner;
  readonly #id: string;
  readonly #newCookie: () => Cookie;
  #cookie: Cookie | undefined;

  static {
    createSession = (owner, id, newCookie) => new Session(owner, id, newCookie);
  }

  /** Only the middleware creates sessions. */
  private constructor(owner: SessionOwner, id: string, newCookie: () => Cookie) {
    this.#owner = owner;
    this.#id = id;
    this.#newCookie = newCookie;
  }

  /** Returns the cookie of a session, if it was accessed before. */
  static cookieOf(session: Session): Cookie | undefined {
    return session.#cookie;
  }

  /** Identifies the session, also as `req.sessionID`. No secret. Changes with `regenerate`. */
  get id(): string {
    return this.#id;
  }

  get req(): IncomingMessage {
    return this.#owner.req;
  }

  get cookie(): Cookie {
    this.#cookie ??= this.#newCookie();
    return this.#cookie;
  }

  set cookie(cookie: Cookie) {
    this.#cookie = cookie instanceof Cookie ? cookie : new Cookie(cookie);
  }

  /** Restarts the cookie's `originalMaxAge`. */
  touch(): this {
    return this.resetMaxAge();
  }

  resetMaxAge(): this {
    this.cookie.maxAge = this.cookie.originalMaxAge;
    return this;
  }

  /** Saves the session now. The response saves later changes. */
  save(): Promise<void>;
  save(callback: SessionCallback): this;
  save(callback?: SessionCallback): this | Promise<void> {
    return this.#settle(this.#owner.save(this), callback);
  }

  /** Ends the session, and replaces it by a new, empty one. */
  regenerate(): Promise<void>;
  regenerate(callback: SessionCallback): this;
  regenerate(callback?: SessionCallback): this | Promise<void> {
    return this.#settle(this.#owner.regenerate(), callback);
  }

  /** Ends the session. Afterwards, the request has none. */
  destroy(): Promise<void>;
  destroy(callback: SessionCallback): this;
  destroy(callback?: SessionCallback): this | Promise<void> {
    return this.#settle(this.#owner.destroy(this), callback);
  }

  /** Discards unsaved changes, and replaces this session by the stored one. */
  reload(): Promise<void>;
  reload(callback: SessionCallback): this;
  reload(callback?: SessionCallback): this | Promise<void> {
    return this.#settle(this.#owner.reload(), callback);
  }

  #settle(work: Promise<void>, callback: SessionCallback | undefined): this | Promise<void> {
    if (typeof callback !== "function") {
      work.catch(() => undefined); // the app need not wait: the response tries a failed save again
      return work;
    }
    work.then(
      () => process.nextTick(callback),
      (error: unknown) => process.nextTick(callback, error),
    );
    return this;
  }
}

// Like everything else that is not a value of the app.
Object.defineProperty(Session.prototype, inspect.custom, {
  value(this: Session): string {
    return `Session ${inspect({ ...this })}`;
  },
});

/** @internal */
export { createSession };
