import type { Values } from "./merged-values.js";
import type { SessionDraft, SessionRecords } from "./session-records.js";

interface CookieValues extends Values {
  expires?: unknown;
}

/** A session of express-session or @fastify/session: values, and beside them the settings of its cookie. */
interface CookieSession extends Values {
  cookie?: CookieValues & { toJSON?: () => CookieValues };
}

/**
 * Takes the expiry of the cookie out of the values, since the record has its own: a request that only moves the expiry
 * leaves the values as they are.
 */
export function draftOf(sessions: SessionRecords, session: object): SessionDraft {
  const { cookie, ...values } = session as CookieSession;
  if (cookie === undefined) return { values, expiry: sessions.expiryIn() };
  const { expires, originalExpires: _, ...settings } = cookie.toJSON?.() ?? cookie;
  return expires
    ? { values: { ...values, cookie: settings }, expiry: new Date(expires as string | Date) }
    : { values: { ...values, cookie: { ...settings, expires: null } }, expiry: sessions.expiryIn() };
}

/** Puts the expiry back into the values, as JSON has it. */
export function valuesAt(values: Values, expiry: Date): Values {
  const cookie = (values.cookie ?? {}) as CookieValues;
  return { ...values, cookie: "expires" in cookie ? cookie : { ...cookie, expires: expiry.toISOString() } };
}
