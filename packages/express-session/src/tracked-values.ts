import { SessionError } from "@scs/session";
import type { IntegratedSession } from "@scs/session/integration";
import type { Session } from "./session.js";
import { COOKIE_KEY } from "./session-cookie.js";

/**
 * The values of a session as `req.session` had them when both were last the same, in JSON: what differs from it is a
 * change of the app's, in place or not. JSON is the form that express-session compares and keeps.
 */
export class TrackedValues {
  readonly #opened: IntegratedSession<object>;
  readonly #known: Map<string, string> = new Map();
  /** What the session keeps of its cookie, in JSON. */
  #cookie: string | undefined;

  /** Copies the manager's values into `target`. Names that a session has itself are no values. */
  constructor(opened: IntegratedSession<object>, target: Session) {
    this.#opened = opened;
    for (const [key, value] of opened.values()) {
      if (key === COOKIE_KEY) this.#cookie = textOfCookie(value as object);
      else if (!(key in target)) this.#load(target, key, value);
    }
  }

  #load(target: Session, key: string, value: unknown): void {
    try {
      this.#known.set(key, JSON.stringify(value));
      target[key] = value;
    } catch {
      // Set beside `req.session`, by the manager's own: JSON does not hold it.
    }
  }

  /** What the session keeps of its cookie. */
  get ownCookie(): object | undefined {
    return this.#cookie === undefined ? undefined : JSON.parse(this.#cookie);
  }

  get isEmpty(): boolean {
    return this.#known.size === 0;
  }

  /**
   * Takes what the app has changed over into the manager's session.
   *
   * @returns whether there was anything.
   * @throws SessionError `INVALID_VALUE` for a value that JSON does not hold, with its key.
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

  /** Takes over what a cookie has of its own; returns whether that has changed. */
  takeCookie(own: object | undefined): boolean {
    const text = textOfCookie(own);
    if (text === this.#cookie) return false;
    this.#cookie = text;
    if (own === undefined) this.#opened.session.delete(COOKIE_KEY as never);
    else this.#set(COOKIE_KEY, own);
    return true;
  }

  /** Lets a session without values be saved. */
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
    return JSON.stringify(value);
  } catch (cause) {
    const name = cause instanceof Error ? cause.name : typeof cause; // the message may quote the value
    throw new SessionError("INVALID_VALUE", `the session value "${key}" cannot be written as JSON (${name})`);
  }
}

function textOfCookie(own: object | undefined): string | undefined {
  return own === undefined || Object.keys(own).length === 0 ? undefined : JSON.stringify(own);
}
