/** How to send a token to a client. */
export interface TokenGift {
  /** Lifetime of the token in ms. */
  maxAgeMs: number;
  /** Whether the client keeps the token after it is closed; `undefined` for the default. */
  persist: boolean | undefined;
  /** Whether the request came over https, if known. */
  isSecure: boolean;
}

/** A response header that sets or clears the client's token. As a string, it is the header's value. */
export class TokenHeader {
  /** `set-cookie`, or the header of the transport. */
  readonly name: string;
  readonly value: string;
  /** The cookie in fields, for frameworks that set cookies themselves. */
  readonly cookie: TokenCookie | undefined;

  /** Only a manager creates headers: `await sessions.commit(session)`. */
  constructor(name: string, value: string, cookie?: TokenCookie) {
    this.name = name;
    this.value = value;
    this.cookie = cookie;
  }

  toString(): string {
    return this.value;
  }
}

/** A cookie in fields, for `cookies().set` of Next.js, and `setCookie` of Hono and h3. */
export interface TokenCookie {
  name: string;
  value: string;
  path: string;
  domain?: string;
  httpOnly: boolean;
  sameSite: "strict" | "lax" | "none";
  secure: boolean;
  partitioned?: boolean;
  /** In seconds; 0 clears the cookie. Absent for a cookie that ends with the browser. */
  maxAge?: number;
  expires?: Date;
}

/** Transports tokens in requests and responses. The default is a cookie. */
export interface TokenTransport {
  /** Name of the request header with the token, in lower case. */
  readonly requestHeader: string;
  /** Name of the response header with the token, in lower case. */
  readonly responseHeader: string;
  /** Whether tokens are sent over https only. If it is missing, the request decides. */
  readonly isSecure?: boolean | undefined;
  /** Returns the tokens in the request header, the most likely first. */
  read(header: string): readonly string[];
  /** Returns the value of the response header that sets the client's token. */
  give(token: string, gift: TokenGift): string;
  /** Returns the value of the response header that clears the client's token. */
  take(isSecure: boolean): string;
}

/** RFC 9110, section 5.1: a header's name is a token. */
const NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;

/**
 * Creates a transport in a header of its own, for clients without cookies. The response contains the header when the token
 * is new, and an empty one when the session has ended.
 *
 * @throws TypeError if `name` is not usable.
 */
export function headerTransport(name: string): TokenTransport {
  const header = String(name).toLowerCase();
  if (!NAME.test(header) || header === "cookie" || header === "set-cookie") {
    throw new TypeError(
      `${JSON.stringify(name)} is not a usable header: choose another, such as "x-session"`,
    );
  }
  return {
    requestHeader: header,
    responseHeader: header,
    isSecure: true, // a header, unlike a cookie, has no `Secure` attribute
    read: (value) => [value],
    give: (token) => token,
    take: () => "",
  };
}
