import { stringifySetCookie } from "cookie";

/** The attributes of a cookie that express-session supports. */
export interface CookieAttributes {
  originalMaxAge?: number | null | undefined;
  expires?: Date | string | number | boolean | null | undefined;
  path?: string | undefined;
  domain?: string | undefined;
  httpOnly?: boolean | undefined;
  secure?: boolean | "auto" | undefined;
  sameSite?: boolean | "lax" | "strict" | "none" | "auto" | undefined;
  priority?: "low" | "medium" | "high" | undefined;
  partitioned?: boolean | undefined;
}

/** The option `cookie`. */
export interface CookieOptions extends CookieAttributes {
  /** Lifetime of the cookie, and of the unused session, in ms. @default until the browser is closed */
  maxAge?: number | Date | null | undefined;
}

/** The cookie of one session, `req.session.cookie`. Changes to it are stored with the session. */
export class Cookie {
  path: string = "/";
  httpOnly: boolean = true;
  domain: string | undefined;
  secure: boolean | "auto" | undefined;
  sameSite: CookieAttributes["sameSite"];
  priority: CookieAttributes["priority"];
  partitioned: boolean | undefined;
  originalMaxAge: number | null | undefined = null;
  #expires: Date | null = null;
  readonly #now: () => number;

  /** @throws TypeError if the attributes are not an object, or `maxAge` is not a number. */
  constructor(attributes?: CookieOptions | null | false, now: () => number = () => Date.now()) {
    this.#now = now;
    if (!attributes) return;
    if (typeof attributes !== "object") throw new TypeError("argument options must be a object");
    const { data: _computed, ...own } = attributes as CookieOptions & { data?: unknown };
    Object.assign(this, own);
    if (attributes.originalMaxAge !== undefined) this.originalMaxAge = attributes.originalMaxAge;
  }

  /** Time at which the browser deletes the cookie; `null`: when the browser is closed. A number counts as `maxAge`. */
  get expires(): Date | null {
    return this.#expires;
  }

  set expires(end: Date | string | number | boolean | null | undefined) {
    const ms = typeof end === "number" ? end : undefined;
    const date =
      ms !== undefined ? new Date(this.#now() + ms) : typeof end === "string" ? new Date(end) : end;
    this.#expires = date instanceof Date && !Number.isNaN(date.getTime()) ? date : null;
    this.originalMaxAge = this.#expires && (ms ?? this.maxAge); // the clock may have moved
  }

  /** Remaining lifetime of the cookie in ms; `null`: until the browser is closed. */
  get maxAge(): number | null {
    return this.#expires && this.#expires.getTime() - this.#now();
  }

  set maxAge(ms: number | Date | null | undefined | false) {
    if (ms && typeof ms !== "number" && !(ms instanceof Date)) {
      throw new TypeError("maxAge must be a number or Date");
    }
    this.expires = ms;
  }

  /** The attributes to store and to serialize. */
  get data(): CookieAttributes {
    const { originalMaxAge, expires, path, domain, httpOnly, secure, sameSite, priority, partitioned } = this;
    return { originalMaxAge, partitioned, priority, expires, secure, httpOnly, domain, path, sameSite };
  }

  /** Returns the value of a `Set-Cookie` header. */
  serialize(name: string, value: string): string {
    const { expires, domain, path, httpOnly, priority, partitioned, secure, sameSite } = this;
    return stringifySetCookie({
      ...{ name, value, path, httpOnly: Boolean(httpOnly), secure: Boolean(secure) },
      ...(expires && { expires }),
      ...(domain !== undefined && { domain }),
      ...(priority && { priority }),
      ...(partitioned && { partitioned }),
      ...(sameSite && { sameSite: sameSite === "auto" ? "lax" : sameSite }),
    });
  }

  toJSON(): CookieAttributes {
    return this.data;
  }
}
