import { parseCookie, stringifySetCookie } from "cookie";

/** RFC 6265, section 4.1.1: a cookie's name is a token of RFC 2616. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

export interface CookieOptions {
  /** @default "__Host-session"; "__Secure-session" with a domain or path; "session" without `secure` */
  name?: string;
  /** Whether browsers send the cookie over https alone. Set `false` for development on plain http. @default true */
  secure?: boolean;
  /** Whether scripts of the page cannot read it. @default true */
  httpOnly?: boolean;
  /** Whether requests from other sites carry it: never, on navigation, always. @default "lax" */
  sameSite?: "strict" | "lax" | "none";
  /** @default "/" */
  path?: string;
  /** Also for the subdomains of this domain. @default the host that set it, alone */
  domain?: string;
  /** Whether the browser keeps it until the session's deadline, past its own end. @default true */
  persist?: boolean;
}

/** Reads the session's cookie from a request, and writes it for a response. */
export class SessionCookie {
  readonly name: string;
  readonly #attributes: Required<Omit<CookieOptions, "name" | "domain" | "persist">> & { domain?: string };
  readonly #persist: boolean;

  /** @throws TypeError for options that browsers would refuse, with what to do instead. */
  constructor(options: CookieOptions = {}) {
    const { secure = true, httpOnly = true, sameSite = "lax", path = "/", domain, persist = true } = options;
    const hostOnly = path === "/" && domain === undefined;
    this.name = options.name ?? (secure ? (hostOnly ? "__Host-session" : "__Secure-session") : "session");
    this.#attributes = { secure, httpOnly, sameSite, path, ...(domain !== undefined && { domain }) };
    this.#persist = persist;
    this.#assertUsable(hostOnly);
  }

  #assertUsable(hostOnly: boolean): void {
    const { secure, sameSite, path, domain } = this.#attributes;
    const name = this.name.toLowerCase(); // browsers match the prefixes whatever their case
    if (!NAME.test(this.name)) {
      throw new TypeError(
        `cookie.name ${JSON.stringify(this.name)} is not usable: letters, digits and !#$%&'*+-.^_\`|~ are, spaces are not`,
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
    if (name.startsWith("__secure-") && !secure) {
      throw new TypeError(
        'a cookie named "__Secure-…" needs secure: true; choose another cookie.name for plain http',
      );
    }
    if (typeof path !== "string" || !path.startsWith("/")) {
      throw new TypeError(
        `cookie.path must begin with "/", got ${JSON.stringify(path)}: browsers would put another in its place`,
      );
    }
    try {
      if (domain === "") throw new TypeError("the domain is empty");
      this.set("token", 1); // the library refuses a malformed domain or path
    } catch (cause) {
      throw new TypeError(
        'cookie.domain or cookie.path is malformed: write a domain as in "example.com", without scheme and port, and a path without ";" and control characters',
        { cause },
      );
    }
  }

  /** The token that a `Cookie` header brings, if any. */
  read(header: string | undefined): string | undefined {
    return header === undefined ? undefined : parseCookie(header)[this.name];
  }

  /** The `Set-Cookie` header that gives the browser this token, for `maxAgeMs` if the cookie is to persist. */
  set(token: string, maxAgeMs: number): string {
    const maxAge = this.#persist ? { maxAge: Math.ceil(maxAgeMs / 1000) } : {};
    return stringifySetCookie({ name: this.name, value: token, ...this.#attributes, ...maxAge });
  }

  /** The `Set-Cookie` header that takes the token from the browser. */
  clear(): string {
    return stringifySetCookie({
      name: this.name,
      value: "",
      ...this.#attributes,
      maxAge: 0,
      expires: new Date(0),
    });
  }
}
