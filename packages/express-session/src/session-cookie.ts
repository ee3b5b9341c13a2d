import type { IncomingMessage } from "node:http";
import { Cookie, type CookieAttributes, type CookieOptions } from "./cookie.js";
import { isSecure } from "./request-security.js";

/** Key of the value with the session's own cookie attributes, as in express-session's data. */
export const COOKIE_KEY = "cookie";

/** Default lifetime since the last use of a session whose cookie has no `maxAge`. */
const DEFAULT_IDLE_TIMEOUT_MS = 86_400_000;

const KEPT = [
  ...(["originalMaxAge", "path", "domain", "httpOnly", "secure", "sameSite"] as const),
  ...(["priority", "partitioned"] as const),
];

export interface CookieSettings {
  cookie: CookieOptions | ((req: never) => CookieOptions);
  proxy: boolean | undefined;
  idleTimeoutMs: number | undefined;
  now: () => number;
}

/** Creates the cookies of sessions from the option `cookie`. */
export class SessionCookies {
  readonly #settings: CookieSettings;
  readonly #now: () => number;
  /** The common `maxAge` of all cookies; `undefined` if it depends on the time, `null` if there is none. */
  readonly #fixedMaxAge: number | null | undefined;

  constructor(settings: CookieSettings) {
    this.#settings = settings;
    this.#now = settings.now;
    const { cookie } = settings;
    const ends = typeof cookie === "object" ? [cookie.expires, cookie.maxAge] : [];
    const hasDate = ends.some((end) => typeof end === "string" || end instanceof Date);
    this.#fixedMaxAge = hasDate ? undefined : (this.#commonMaxAge() ?? null);
  }

  /** Whether cookies may differ between requests. */
  get isPerRequest(): boolean {
    return typeof this.#settings.cookie === "function";
  }

  /** Whether a cookie ends with the browser unless its session has a `maxAge` of its own. */
  get areUntimed(): boolean {
    return !this.isPerRequest && this.#fixedMaxAge === null;
  }

  /** Returns the app's cookie attributes for a request. */
  optionsFor(req: IncomingMessage): CookieOptions {
    const { cookie } = this.#settings;
    return typeof cookie === "function" ? cookie(req as never) || {} : cookie;
  }

  /** Creates the cookie of a new session. */
  newCookie(options: CookieOptions, req: IncomingMessage): Cookie {
    const cookie = new Cookie(options, this.#now);
    if (options.secure === "auto" || options.sameSite === "auto") {
      const secure = isSecure(req, this.#settings.proxy);
      if (options.secure === "auto") cookie.secure = secure;
      if (options.sameSite === "auto") cookie.sameSite = secure ? "none" : "lax";
    }
    return cookie;
  }

  /** Creates the cookie of a stored session, with its own attributes and its expiry. */
  cookieOf(options: CookieOptions, req: IncomingMessage, own: unknown, expiry: Date | undefined): Cookie {
    const cookie = this.newCookie(options, req);
    for (const name of KEPT) {
      if (isAttributes(own) && Object.hasOwn(own, name)) Object.assign(cookie, { [name]: own[name] });
    }
    const { originalMaxAge } = cookie;
    if (typeof originalMaxAge === "number") cookie.expires = expiry ?? new Date(this.#now() + originalMaxAge);
    else cookie.expires = null;
    cookie.originalMaxAge = originalMaxAge;
    return cookie;
  }

  /** Returns the attributes in which a cookie differs from the app's; `undefined` if there are none. */
  ownOf(attributes: CookieAttributes, options: CookieOptions, req: IncomingMessage): object | undefined {
    const common = this.newCookie(options, req).data;
    // The manager does not see the request, so attributes that depend on it must be in the session.
    common.originalMaxAge = this.#commonMaxAge();
    const own = KEPT.filter((name) => name in attributes && !isSame(attributes[name], common[name]));
    return own.length === 0 ? undefined : Object.fromEntries(own.map((name) => [name, attributes[name]]));
  }

  /** Returns the idle timeout of a session in ms, by its values. */
  idleTimeoutOf(values: Readonly<Record<string, unknown>>): number {
    const own = values[COOKIE_KEY];
    const hasOwn = isAttributes(own) && Object.hasOwn(own, "originalMaxAge");
    const maxAge = hasOwn ? own.originalMaxAge : this.#commonMaxAge();
    if (typeof maxAge === "number" && !Number.isNaN(maxAge)) return Math.max(0, maxAge);
    return this.#settings.idleTimeoutMs ?? DEFAULT_IDLE_TIMEOUT_MS;
  }

  #commonMaxAge(): number | null | undefined {
    if (this.#fixedMaxAge !== undefined) return this.#fixedMaxAge;
    const { cookie } = this.#settings;
    return typeof cookie === "function" ? null : new Cookie(cookie, this.#now).originalMaxAge;
  }
}

function isAttributes(value: unknown): value is CookieAttributes {
  return typeof value === "object" && value !== null;
}

function isSame(a: unknown, b: unknown): boolean {
  return a === b || (isNone(a) && isNone(b));
}

function isNone(value: unknown): boolean {
  return value === undefined || value === null || value === false;
}
