import type { Values } from "./merged-values.js";
import type { SessionDraft, SessionRecords } from "./session-records.js";

interface CookieValues extends Values {
  expires?: unknown;
}

/** A session of express-session or @fastify/session: its values, and the settings of its cookie. */
interface CookieSession extends Values {
  cookie?: CookieValues & { toJSON?: () => CookieValues };
}

/**
 * Splits a session into values and expiry. The values do not contain the cookie's expiry, so a request that only moves
 * the expiry does not change them.
 */
export function draftOf(sessions: SessionRecords, session: object): SessionDraft {
  const { cookie, ...values } = session as CookieSession;
  if (cookie === undefined) return { values, expiry: sessions.expiryIn() };
  const { expires, originalExpires: _, ...settings } = cookie.toJSON?.() ?? cookie;
  const expiry =
    typeof expires === "number" ? sessions.expiryIn(expires) : new Date(expires as string | Date);
  return expires && !Number.isNaN(expiry.getTime())
    ? { values: { ...values, cookie: settings }, expiry }
    : { values: { ...values, cookie: { ...settings, expires: null } }, expiry: sessions.expiryIn() };
}

/** Returns the values with the cookie's expiry, as JSON represents it. */
export function valuesAt(values: Values, expiry: Date): Values {
  const cookie = (values.cookie ?? {}) as CookieValues;
  return { ...values, cookie: "expires" in cookie ? cookie : { ...cookie, expires: expiry.toISOString() } };
}
