import { stringifySetCookie } from "cookie";

/** What express-session knows of a cookie. */
export interface CookieAttributes {
  originalMaxAge?: number | null | undefined;
  expires?: Date | string | boolean | null | undefined;
  path?: string | undefined;
  domain?: string | undefined;
  httpOnly?: boolean | undefined;
  secure?: boolean | "auto" | undefined;
  sameSite?: boolean | "lax" | "strict" | "none" | "auto" | undefined;
  priority?: "low" | "medium" | "high" | undefined;
  partitioned?: boolean | undefined;
}

/** A cookie as an app describes it: the option `cookie`. */
export interface CookieOptions extends CookieAttributes {
  /** How long the cookie lives, and the session without being used, in ms. @default until the browser ends */
  maxAge?: number | Date | null | undefined;
}

/** The cookie of one session, `req.session.cookie`. What an app changes in it is kept with the session. */
export class Cookie {
  path: string = "/";
  httpOnly: boolean = true;
  domain: string | undefined;
  secure: boolean | "auto" | undefined;
  sameSite: CookieAttributes["sameSite"];
  priority: CookieAttributes["priority"];
  partitioned: boolean | undefined;
  originalMaxAge: number | null | undefined = null;
  #expires: Date | false | null = null;
  readonly #now: () => number;

  /** @throws TypeError for attributes that are no object, or a `maxAge` that is no number. */
  constructor(attributes: CookieOptions = {}, now: () => number = () => Date.now()) {
    this.#now = now;
    if (typeof attributes !== "object") throw new TypeError("argument options must be a object");
    const { data: _computed, ...own } = attributes as CookieOptions & { data?: unknown };
    Object.assign(this, own);
    if (attributes?.originalMaxAge !== undefined) this.originalMaxAge = attributes.originalMaxAge;
  }

  /** When the browser drops the cookie; `null` or `false`: when it ends itself. */
  get expires(): Date | false | null {
    return this.#expires;
  }

  set expires(date: Date | string | boolean | null | undefined) {
    this.#expires = typeof date === "string" ? new Date(date) : date instanceof Date ? date : null;
    this.originalMaxAge = this.maxAge as number | null;
  }

  /** How long the cookie still lives, in ms; `null`: until the browser ends. */
  get maxAge(): number | null {
    return this.#expires instanceof Date ? this.#expires.getTime() - this.#now() : null;
  }

  set maxAge(ms: number | Date | null | undefined | false) {
    if (ms && typeof ms !== "number" && !(ms instanceof Date)) {
      throw new TypeError("maxAge must be a number or Date");
    }
    if (typeof ms !== "number") {
      this.expires = ms;
      return;
    }
    this.#expires = new Date(this.#now() + ms);
    this.originalMaxAge = ms;
  }

  /** The attributes as they are stored, and as `serialize` writes them. */
  get data(): CookieAttributes {
    const { originalMaxAge, expires, path, domain, httpOnly, secure, sameSite, priority, partitioned } = this;
    return { originalMaxAge, partitioned, priority, expires, secure, httpOnly, domain, path, sameSite };
  }

  /** Writes a `Set-Cookie` header. */
  serialize(name: string, value: string): string {
    const { expires, domain, path, httpOnly, priority, partitioned, secure, sameSite } = this;
    return stringifySetCookie({
      ...{ name, value, path, httpOnly: Boolean(httpOnly), secure: Boolean(secure) },
      ...(expires instanceof Date && { expires }),
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
