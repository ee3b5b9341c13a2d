import { type BinaryLike, createHmac, type KeyObject, timingSafeEqual } from "node:crypto";
import type { TokenGift, TokenTransport } from "@scs/session";
import type { Cookie } from "./cookie.js";

/** A secret that signs cookies: any key that `createHmac` accepts. */
export type Secret = BinaryLike | KeyObject;

/** The value of a signed cookie, and the secret that signed it. */
export interface SignedValue {
  value: string;
  secret: Secret;
}

const TOKEN = /^[\w-]{22}\.[\w-]{43}$/;
const PREFIX = "s:";

/** Returns whether a value is a token of the manager. Otherwise it is an ID of express-session. */
export function isToken(value: string): boolean {
  return TOKEN.test(value);
}

/** Signs a value as express-session does: `s:value.signature`. */
export function sign(value: string, secret: Secret): string {
  return `${PREFIX}${value}.${signatureOf(value, secret)}`;
}

/** Returns the value of a cookie that is signed with one of the secrets, or `undefined`. */
export function unsign(cookie: string, secrets: readonly Secret[]): SignedValue | undefined {
  const dot = cookie.lastIndexOf(".");
  if (!cookie.startsWith(PREFIX) || dot < PREFIX.length) return undefined;
  const [value, signature] = [cookie.slice(PREFIX.length, dot), Buffer.from(cookie.slice(dot + 1))];
  for (const secret of secrets) {
    const expected = Buffer.from(signatureOf(value, secret));
    if (expected.length === signature.length && timingSafeEqual(expected, signature))
      return { value, secret };
  }
  return undefined;
}

function signatureOf(value: string, secret: Secret): string {
  const signature = createHmac("sha256", secret).update(value).digest("base64");
  return signature.slice(0, signature.indexOf("=")); // 32 bytes: 43 characters and one of padding
}

/** Lists the values of all cookies of one name. Browsers send several if they were set for several paths or domains. */
export function cookieValues(header: string, name: string): string[] {
  const values: string[] = [];
  for (const part of header.split(";")) {
    const equals = part.indexOf("=");
    if (equals < 0 || part.slice(0, equals).trim() !== name) continue;
    const raw = part.slice(equals + 1).trim();
    values.push(decoded(raw.startsWith('"') && raw.endsWith('"') ? raw.slice(1, -1) : raw));
  }
  return values;
}

function decoded(value: string): string {
  if (!value.includes("%")) return value;
  try {
    return decodeURIComponent(value);
  } catch {
    return value;
  }
}

/** Transports tokens in a cookie with express-session's signature. */
export class SignedCookie implements TokenTransport {
  readonly requestHeader = "cookie";
  readonly responseHeader = "set-cookie";
  readonly #name: string;
  readonly #secrets: readonly Secret[];
  readonly #newCookie: () => Cookie;

  constructor(name: string, secrets: readonly Secret[], newCookie: () => Cookie) {
    this.#name = name;
    this.#secrets = secrets;
    this.#newCookie = newCookie;
  }

  read(header: string): string[] {
    const cookies = cookieValues(header, this.#name);
    const values = cookies.flatMap((cookie) => unsign(cookie, this.#secrets)?.value ?? []);
    return values.filter(isToken);
  }

  give(token: string, { isSecure }: TokenGift): string {
    const cookie = this.#newCookie();
    if (cookie.secure === "auto") cookie.secure = isSecure;
    return this.giveIn(token, cookie, this.#secrets);
  }

  /** Returns the header that sets a token in the cookie of one session. */
  giveIn(token: string, cookie: Cookie, secrets: readonly Secret[]): string {
    return cookie.serialize(this.#name, sign(token, secrets[0] as Secret));
  }

  take(isSecure: boolean): string {
    const cookie = this.#newCookie();
    if (cookie.secure === "auto") cookie.secure = isSecure;
    return this.takeFrom(cookie);
  }

  takeFrom(cookie: Cookie): string {
    cookie.expires = new Date(0);
    return cookie.serialize(this.#name, "");
  }
}
