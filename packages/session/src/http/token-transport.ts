/** How a token is to be given to a client. */
export interface TokenGift {
  /** For how long it is good, in ms, if it is used. */
  maxAgeMs: number;
  /** Whether the client is to keep it when it ends itself; `undefined`: as it does by default. */
  persist: boolean | undefined;
  /** Whether the client asked by https, as far as is known. */
  isSecure: boolean;
}

/** A response header that tells a client its token, or takes it. As a string, it is its value. */
export class TokenHeader {
  /** `set-cookie`, or the header of the transport. */
  readonly name: string;
  readonly value: string;
  /** The same in fields, if it is a cookie: for frameworks that set cookies themselves. */
  readonly cookie: TokenCookie | undefined;

  /** Headers come from a manager: `await sessions.commit(session)`. */
  constructor(name: string, value: string, cookie?: TokenCookie) {
    this.name = name;
    this.value = value;
    this.cookie = cookie;
  }

  toString(): string {
    return this.value;
  }
}

/** A cookie in fields, as `cookies().set` of Next.js and `setCookie` of Hono and h3 take them. */
export interface TokenCookie {
  name: string;
  value: string;
  path: string;
  domain?: string;
  httpOnly: boolean;
  sameSite: "strict" | "lax" | "none";
  secure: boolean;
  partitioned?: boolean;
  /** In seconds; 0 takes the cookie from the browser. Absent for a cookie that ends with the browser. */
  maxAge?: number;
  expires?: Date;
}

/** Brings tokens from requests and to responses. The manager's own is a cookie. */
export interface TokenTransport {
  /** The request header that tokens come in, in lower case. */
  readonly requestHeader: string;
  /** The response header that they leave in, in lower case. */
  readonly responseHeader: string;
  /** Whether tokens go to clients by https alone, or by any way; the request is asked if it is left out. */
  readonly isSecure?: boolean | undefined;
  /** The tokens that the request header brings, the likeliest first. */
  read(header: string): readonly string[];
  /** The response header that gives the client this token. */
  give(token: string, gift: TokenGift): string;
  /** The response header that takes its token from the client. */
  take(isSecure: boolean): string;
}

/** RFC 9110, section 5.1: a header's name is a token. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Tokens in a header of their own, both ways: for clients that keep no cookies. The response has it when the
 * token is new, and empty when the session has ended.
 *
 * @throws TypeError if `name` is not usable.
 */
export function headerTransport(name: string): TokenTransport {
  const header = String(name).toLowerCase();
  if (!NAME.test(header) || header === "cookie" || header === "set-cookie") {
    throw new TypeError(
      `${JSON.stringify(name)} is no usable header: choose one of your own, such as "x-session"`,
    );
  }
  return {
    requestHeader: header,
    responseHeader: header,
    isSecure: true, // a header of its own has no attribute that would depend on it
    read: (value) => [value],
    give: (token) => token,
    take: () => "",
  };
}
