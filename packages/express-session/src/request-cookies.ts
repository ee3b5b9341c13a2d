import type { IncomingMessage } from "node:http";
import { cookieValues, type Secret, type SignedValue, unsign } from "./signed-cookie.js";

/** A request, and what cookie-parser leaves on it: its secret, and cookies that it has read. */
export type CookieRequest = IncomingMessage & {
  secret?: Secret;
  cookies?: Record<string, unknown>;
  signedCookies?: Record<string, unknown>;
};

/** Lists the values of the cookies of one name that one of the secrets has signed. */
export function signedCookies(req: CookieRequest, name: string, secrets: readonly Secret[]): SignedValue[] {
  const { cookie } = req.headers;
  const sent = cookie === undefined ? [] : cookieValues(cookie, name);
  const signed = sent.flatMap((value) => unsign(value, secrets) ?? []);
  return signed.length > 0 ? signed : readByCookieParser(req, name, secrets);
}

/** express-session falls back to these: middleware before it may have put them there. */
function readByCookieParser(req: CookieRequest, name: string, secrets: readonly Secret[]): SignedValue[] {
  const value = req.signedCookies?.[name];
  if (typeof value === "string" && value !== "") return [{ value, secret: secrets[0] as Secret }];
  const cookie = req.cookies?.[name];
  return typeof cookie === "string" ? [unsign(cookie, secrets) ?? []].flat() : [];
}

/** Returns the path that the client asked for, wherever in the app the middleware is mounted. */
export function pathOf({ originalUrl, url }: IncomingMessage & { originalUrl?: string }): string {
  const target = originalUrl ?? url ?? "/";
  if (target.startsWith("/")) return target.split("?", 1)[0] as string;
  return URL.canParse(target) ? new URL(target).pathname : "/";
}
