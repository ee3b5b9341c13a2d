import type { IncomingMessage } from "node:http";
import { inspect } from "node:util";
import { Cookie } from "./cookie.js";

export type SessionCallback = (error?: unknown) => void;

/** What a session asks of the request that it belongs to. */
export interface SessionOwner {
  readonly req: IncomingMessage;
  save(session: Session): Promise<void>;
  regenerate(): Promise<void>;
  destroy(session: Session): Promise<void>;
  reload(): Promise<void>;
}

/**
 * `req.session`: the values of a visitor's session are its properties. Whatever else there is, is on the prototype and
 * not enumerable, so that copying a session copies its values.
 */
export class Session {
  [key: string]: unknown;
  readonly #owner: SessionOwner;
  readonly #id: string;
  readonly #newCookie: () => Cookie;
  #cookie: Cookie | undefined;

  /** Sessions come from the middleware. */
  constructor(owner: SessionOwner, id: string, newCookie: () => Cookie) {
    this.#owner = owner;
    this.#id = id;
    this.#newCookie = newCookie;
  }

  /** Returns the cookie of a session if anybody has asked for it. */
  static cookieOf(session: Session): Cookie | undefined {
    return session.#cookie;
  }

  /** The name of the session, which is no secret: the same until `regenerate`, also as `req.sessionID`. */
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

  /** Lets the cookie live for its `originalMaxAge` from now on. */
  touch(): this {
    return this.resetMaxAge();
  }

  resetMaxAge(): this {
    this.cookie.maxAge = this.cookie.originalMaxAge;
    return this;
  }

  /** Saves the session now; the response saves what is changed afterwards. */
  save(): Promise<void>;
  save(callback: SessionCallback): this;
  save(callback?: SessionCallback): this | Promise<void> {
    return this.#settle(this.#owner.save(this), callback);
  }

  /** Ends the session, and puts a new and empty one in its place. */
  regenerate(): Promise<void>;
  regenerate(callback: SessionCallback): this;
  regenerate(callback?: SessionCallback): this | Promise<void> {
    return this.#settle(this.#owner.regenerate(), callback);
  }

  /** Ends the session; the request has none then. */
  destroy(): Promise<void>;
  destroy(callback: SessionCallback): this;
  destroy(callback?: SessionCallback): this | Promise<void> {
    return this.#settle(this.#owner.destroy(this), callback);
  }

  /** Drops what was changed, and puts the session as it is stored in the place of this one. */
  reload(): Promise<void>;
  reload(callback: SessionCallback): this;
  reload(callback?: SessionCallback): this | Promise<void> {
    return this.#settle(this.#owner.reload(), callback);
  }

  #settle(work: Promise<void>, callback: SessionCallback | undefined): this | Promise<void> {
    if (typeof callback !== "function") {
      work.catch(() => undefined); // nobody need wait: what has failed is tried again with the response
      return work;
    }
    work.then(
      () => process.nextTick(callback),
      (error: unknown) => process.nextTick(callback, error),
    );
    return this;
  }
}

// As everything else that is no value of the app's.
Object.defineProperty(Session.prototype, inspect.custom, {
  value(this: Session): string {
    return `Session ${inspect({ ...this })}`;
  },
});
