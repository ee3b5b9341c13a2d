import { SessionError } from "@scs/session";
import type { IntegratedSession } from "@scs/session/integration";
import type { Session } from "./session.js";
import { COOKIE_KEY } from "./session-cookie.js";

/**
 * Tracks changes of `req.session`: keeps its values in JSON as of the last synchronization with the manager's session. A
 * difference is a change by the app, in place or not. express-session compares and stores JSON as well.
 */
export class TrackedValues {
  readonly #opened: IntegratedSession<object>;
  readonly #known: Map<string, string> = new Map();
  /** The session's own cookie attributes, in JSON. */
  #cookie: string | undefined;

  /** Copies the manager's values to `target`, except those named like a member of `Session`. */
  constructor(opened: IntegratedSession<object>, target: Session) {
    this.#opened = opened;
    for (const [key, value] of opened.values()) {
      if (key === COOKIE_KEY) this.#cookie = textOfCookie(value as object);
      else if (!(key in target)) this.#load(target, key, value);
    }
  }

  #load(target: Session, key: string, value: unknown): void {
    try {
      const text = JSON.stringify(value);
      target[key] = JSON.parse(text); // a copy: the manager would store what JSON cannot show of a change in place
      this.#known.set(key, text);
    } catch {
      // Set through the manager's session instead of `req.session`: not representable in JSON.
    }
  }

  /** The session's own cookie attributes. */
  get ownCookie(): object | undefined {
    return this.#cookie === undefined ? undefined : JSON.parse(this.#cookie);
  }

  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  /**
   * Copies the app's changes to the manager's session.
   *
   * @returns Whether there were any.
   * @throws SessionError `INVALID_VALUE`, with the key, for a value that is not representable in JSON.
   */
  takeFrom(source: Session): boolean {
    let isChanged = false;
    let kept = 0;
    for (const key of Object.keys(source)) {
      const text = textOf(key, source[key]);
      if (text === undefined) continue;
      kept++;
      if (this.#known.get(key) === text) continue;
      this.#set(key, JSON.parse(text));
      this.#known.set(key, text);
      isChanged = true;
    }
    if (kept === this.#known.size) return isChanged;
    for (const key of [...this.#known.keys()]) {
      if (!Object.hasOwn(source, key) || textOf(key, source[key]) === undefined) this.#delete(key);
    }
    return true;
  }

  /** Stores the session's own cookie attributes. Returns whether they have changed. */
  takeCookie(own: object | undefined): boolean {
    const text = textOfCookie(own);
    if (text === this.#cookie) return false;
    this.#cookie = text;
    if (own === undefined) this.#opened.session.delete(COOKIE_KEY as never);
    else this.#set(COOKIE_KEY, own);
    return true;
  }

  /** Allows a session without values to be saved. */
  keepEmpty(): void {
    this.#set(COOKIE_KEY, {});
  }

  #set(key: string, value: unknown): void {
    this.#opened.session.set(key as never, value as never);
  }

  #delete(key: string): void {
    this.#opened.session.delete(key as never);
    this.#known.delete(key);
  }
}

function textOf(key: string, value: unknown): string | undefined {
  try {
    const { toJSON } = (value ?? {}) as { toJSON?: unknown };
    // toJSON gets the key, as within an object.
    return JSON.stringify(typeof toJSON === "function" ? { toJSON: () => toJSON.call(value, key) } : value);
  } catch (cause) {
    const name = cause instanceof Error ? cause.name : typeof cause; // the message may quote the value
    throw new SessionError("INVALID_VALUE", `the session value "${key}" cannot be written as JSON (${name})`);
  }
}

function textOfCookie(own: object | undefined): string | undefined {
  return own === undefined || Object.keys(own).length === 0 ? undefined : JSON.stringify(own);
}
