import type { IncomingMessage } from "node:http";
import { cookieValues, type Secret, type SignedValue, unsign } from "./signed-cookie.js";

/** A request with the properties that cookie-parser sets: its secret, and parsed cookies. */
export type CookieRequest = IncomingMessage & {
  secret?: Secret;
  cookies?: Record<string, unknown>;
  signedCookies?: Record<string, unknown>;
};

/** Lists the values of all cookies of one name that are signed with one of the secrets. */
export function signedCookies(req: CookieRequest, name: string, secrets: readonly Secret[]): SignedValue[] {
  const { cookie } = req.headers;
  const sent = cookie === undefined ? [] : cookieValues(cookie, name);
  const signed = sent.flatMap((value) => unsign(value, secrets) ?? []);
  return signed.length > 0 ? signed : readByCookieParser(req, name, secrets);
}

/** Reads the cookies that an earlier middleware has parsed, to which express-session falls back. */
function readByCookieParser(req: CookieRequest, name: string, secrets: readonly Secret[]): SignedValue[] {
  const value = req.signedCookies?.[name];
  if (typeof value === "string" && value !== "") return [{ value, secret: secrets[0] as Secret }];
  const cookie = req.cookies?.[name];
  return typeof cookie === "string" ? [unsign(cookie, secrets) ?? []].flat() : [];
}

/** Returns the path of the client's request, independent of where the middleware is mounted. */
export function pathOf({ originalUrl, url }: IncomingMessage & { originalUrl?: string }): string {
  const target = originalUrl ?? url ?? "/";
  if (target.startsWith("/")) return target.split("?", 1)[0] as string;
  return URL.canParse(target) ? new URL(target).pathname : "/";
}
