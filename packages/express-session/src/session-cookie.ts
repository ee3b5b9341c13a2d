import type { IncomingMessage } from "node:http";
import { Cookie, type CookieAttributes, type CookieOptions } from "./cookie.js";
import { isSecure } from "./request-security.js";

/** The key of the values under which a session keeps what its cookie has of its own, as in express-session's data. */
export const COOKIE_KEY = "cookie";

/** How long a session lives unused whose cookie has no `maxAge`, if the app does not say. */
const DEFAULT_IDLE_TIMEOUT_MS = 86_400_000;

const KEPT = [
  ...(["originalMaxAge", "path", "domain", "httpOnly", "secure", "sameSite"] as const),
  ...(["priority", "partitioned"] as const),
];

export interface CookieSettings {
  cookie: CookieOptions | ((req: never) => CookieOptions) | undefined;
  proxy: boolean | undefined;
  idleTimeoutMs: number | undefined;
  now: () => number;
}

/** What the option `cookie` makes of the cookies of sessions. */
export class SessionCookies {
  readonly #settings: CookieSettings;
  readonly #now: () => number;
  /** The `maxAge` of all cookies; `undefined` if it depends on the time, `null` if they have none in common. */
  readonly #fixedMaxAge: number | null | undefined;

  constructor(settings: CookieSettings) {
    this.#settings = settings;
    this.#now = settings.now;
    const { cookie } = settings;
    const hasDate = typeof cookie === "object" && cookie?.expires instanceof Date;
    this.#fixedMaxAge = hasDate ? undefined : (this.#commonMaxAge() ?? null);
  }

  /** Whether cookies of different requests may be different. */
  get isPerRequest(): boolean {
    return typeof this.#settings.cookie === "function";
  }

  /** The attributes that the app gives the cookies of a request. */
  optionsFor(req: IncomingMessage): CookieOptions {
    const { cookie = {} } = this.#settings;
    return typeof cookie === "function" ? cookie(req as never) : cookie;
  }

  /** Makes the cookie of a new session. */
  newCookie(options: CookieOptions, req: IncomingMessage): Cookie {
    const cookie = new Cookie(options, this.#now);
    if (options.secure === "auto" || options.sameSite === "auto") {
      const secure = isSecure(req, this.#settings.proxy);
      if (options.secure === "auto") cookie.secure = secure;
      if (options.sameSite === "auto") cookie.sameSite = secure ? "none" : "lax";
    }
    return cookie;
  }

  /** Makes the cookie of a session that keeps attributes of its own, and which the store drops at `expiry`. */
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

  /** Returns what a cookie has of its own beside what the app gives all; `undefined` if nothing. */
  ownOf(attributes: CookieAttributes, options: CookieOptions, req: IncomingMessage): object | undefined {
    const common = this.newCookie(options, req).data;
    // The manager knows no request: it must find in the session what is not the same for all.
    common.originalMaxAge = this.#commonMaxAge();
    const own = KEPT.filter((name) => name in attributes && !isSame(attributes[name], common[name]));
    return own.length === 0 ? undefined : Object.fromEntries(own.map((name) => [name, attributes[name]]));
  }

  /** Returns how long a session lives unused, in ms, by its values. */
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
