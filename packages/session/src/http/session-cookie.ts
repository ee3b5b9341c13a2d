import { parseCookie, stringifySetCookie } from "cookie";
import type { TokenCookie, TokenGift, TokenTransport } from "./token-transport.js";

/** RFC 6265, section 4.1.1: a cookie's name is a token of RFC 2616. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/** Attributes of the session cookie. */
export interface CookieOptions {
  /** @default "__Host-session"; "__Secure-session" with a domain or path; "session" without `secure` */
  name?: string;
  /**
   * Whether browsers send the cookie over https only. Set `false` for development on plain http. `"auto"` makes the cookie
   * `Secure` for requests over https only.
   *
   * @default true
   */
  secure?: boolean | "auto";
  /** Whether to hide the cookie from scripts of the page. @default true */
  httpOnly?: boolean;
  /** Whether requests from other sites include the cookie: never, on navigation, always. @default "lax" */
  sameSite?: "strict" | "lax" | "none";
  /** @default "/" */
  path?: string;
  /** Domain whose subdomains get the cookie as well. @default only the host that set it */
  domain?: string;
  /**
   * Whether browsers keep one cookie per site that embeds the app (CHIPS), where they would otherwise block it. Needs
   * `secure`, and is only useful with `sameSite: "none"`. @default false
   */
  partitioned?: boolean;
  /** Whether the cookie survives the closing of the browser, until the session's deadline. @default true */
  persist?: boolean;
}

type Attributes = Required<Pick<CookieOptions, "httpOnly" | "sameSite" | "path">> &
  Pick<CookieOptions, "domain" | "partitioned">;

/**
 * Reads the session's cookie from a request, and writes it for a response.
 *
 * @internal
 */
export class SessionCookie implements TokenTransport {
  readonly requestHeader = "cookie";
  readonly responseHeader = "set-cookie";
  readonly name: string;
  readonly isSecure: boolean | undefined;
  readonly #attributes: Attributes;
  readonly #secure: boolean | "auto";
  readonly #persist: boolean;

  /** @throws TypeError for options that browsers would refuse, with advice. */
  constructor(options: CookieOptions = {}) {
    const { secure = true, httpOnly = true, sameSite = "lax", path = "/", domain, persist = true } = options;
    const { partitioned = false } = options;
    const hostOnly = path === "/" && domain === undefined;
    const isSecure = secure === true;
    this.name = options.name ?? (isSecure ? (hostOnly ? "__Host-session" : "__Secure-session") : "session");
    this.#attributes = { httpOnly, sameSite, path, ...(domain !== undefined && { domain }) };
    if (partitioned) this.#attributes.partitioned = true;
    this.#secure = secure;
    this.isSecure = secure === "auto" ? undefined : secure;
    this.#persist = persist;
    this.#assertUsable(hostOnly);
  }

  #assertUsable(hostOnly: boolean): void {
    const { sameSite, path, domain, httpOnly, partitioned } = this.#attributes;
    const secure = this.#secure === true;
    const name = this.name.toLowerCase(); // browsers match the prefixes in any case
    if (!NAME.test(this.name)) {
      throw new TypeError(
        `cookie.name ${JSON.stringify(this.name)} is not usable: use only letters, digits and !#$%&'*+-.^_\`|~`,
      );
    }
    if (!["strict", "lax", "none"].includes(sameSite)) {
      throw new TypeError(
        `cookie.sameSite must be "strict", "lax" or "none", got ${JSON.stringify(sameSite)}`,
      );
    }
    if (sameSite === "none" && !secure) {
      throw new TypeError(
        'cookie.sameSite "none" needs secure: browsers drop the cookie otherwise; use "lax" on plain http',
      );
    }
    if (name.startsWith("__host-") && !(secure && hostOnly)) {
      throw new TypeError(
        'a cookie named "__Host-…" needs secure: true, path "/" and no domain: browsers drop it otherwise; leave those options out or choose another cookie.name',
      );
    }
    if ((name.startsWith("__secure-") || name.startsWith("__http-")) && !secure) {
      throw new TypeError(
        'a cookie named "__Secure-…" or "__Http-…" needs secure: true; choose another cookie.name for plain http',
      );
    }
    if ((name.startsWith("__http-") || name.startsWith("__host-http-")) && !httpOnly) {
      throw new TypeError(
        'a cookie named "__Http-…" or "__Host-Http-…" needs httpOnly: true: browsers drop it otherwise; choose another cookie.name',
      );
    }
    if (partitioned && !secure) {
      throw new TypeError("cookie.partitioned needs secure: true: browsers drop the cookie otherwise");
    }
    if (typeof path !== "string" || !path.startsWith("/")) {
      throw new TypeError(
        `cookie.path must begin with "/", got ${JSON.stringify(path)}: browsers would replace any other path`,
      );
    }
    if (this.#secure !== "auto" && typeof this.#secure !== "boolean") {
      throw new TypeError(`cookie.secure must be true, false or "auto", got ${JSON.stringify(this.#secure)}`);
    }
    try {
      if (domain === "") throw new TypeError("the domain is empty");
      this.give("token", { maxAgeMs: 1, persist: undefined, isSecure: true }); // the cookie library throws for a malformed domain or path
    } catch (cause) {
      throw new TypeError(
        'cookie.domain or cookie.path is malformed: write a domain as in "example.com", without scheme and port, and a path without ";" and control characters',
        { cause },
      );
    }
  }

  /**
   * Returns the tokens in a `Cookie` header, which may have several cookies of this name. Browsers send that of the longest
   * path first, but without its path, so any may be ours (RFC 6265, section 5.4).
   */
  read(header: string): string[] {
    const tokens: string[] = [];
    for (let at = header.indexOf(this.name); at >= 0; at = header.indexOf(this.name, at + 1)) {
      // Skips the library for cookies of other names, which are most.
      const start = header.lastIndexOf(";", at) + 1;
      const semicolon = header.indexOf(";", at);
      const end = semicolon < 0 ? header.length : semicolon;
      const token = parseCookie(header.slice(start, end))[this.name];
      if (token !== undefined) tokens.push(token);
      at = end;
    }
    return tokens;
  }

  /** Returns the `Set-Cookie` header that sets this token, for `maxAgeMs` if the cookie persists. */
  give(token: string, gift: TokenGift): string {
    return stringifySetCookie(this.given(token, gift));
  }

  /** Returns the cookie in fields. */
  given(token: string, { maxAgeMs, persist = this.#persist, isSecure }: TokenGift): TokenCookie {
    return {
      ...{ name: this.name, value: token, ...this.#attributes, secure: this.#isSecure(isSecure) },
      ...(persist && { maxAge: Math.max(0, Math.ceil(maxAgeMs / 1000)) }),
    };
  }

  /** Returns the `Set-Cookie` header that clears the token. */
  take(isSecure: boolean): string {
    return stringifySetCookie(this.taken(isSecure));
  }

  /** Returns the cookie in fields. */
  taken(isSecure: boolean): TokenCookie {
    return {
      ...{ name: this.name, value: "", ...this.#attributes, secure: this.#isSecure(isSecure) },
      ...{ maxAge: 0, expires: new Date(0) },
    };
  }

  #isSecure(isSecure: boolean): boolean {
    return this.#secure === "auto" ? isSecure : this.#secure;
  }
}
