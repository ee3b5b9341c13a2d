import { randomBytes } from "node:crypto";
import type { Store } from "@scs/core";
import { assertFunction } from "@scs/core/kit";
import { assertBridge, type BridgeOptions } from "./bridge-options.js";
import type { Values } from "./merged-values.js";
import { type Origin, SessionRecords } from "./session-records.js";

export type { BridgeOptions } from "./bridge-options.js";

/** A cookie created by `createCookie` of React Router. */
export interface ReactRouterCookie {
  readonly expires?: Date | undefined;
  parse(header: string | null, options?: object): Promise<unknown>;
  serialize(value: unknown, options?: object): Promise<string>;
}

/** A session created by `createSession` of React Router. */
export interface ReactRouterSession {
  readonly id: string;
  readonly data: object;
}

/** The parts of React Router that the storage uses. */
export interface ReactRouterParts<S extends ReactRouterSession> {
  /** The cookie that carries the ID. Give it `secrets`, `httpOnly`, `secure` and `sameSite`. */
  cookie: ReactRouterCookie;
  /** `createSession` of "react-router"; `createSession<Data, FlashData>` for typed sessions. */
  // biome-ignore lint/suspicious/noExplicitAny: an app declares what its sessions hold
  createSession: (data?: any, id?: string) => S;
}

/** React Router's `SessionStorage`. */
export interface ReactRouterSessionStorage<S extends ReactRouterSession> {
  getSession(header?: string | null, options?: object): Promise<S>;
  commitSession(session: S, options?: CookieLifetime): Promise<string>;
  destroySession(session: S, options?: object): Promise<string>;
}

/** The attributes of a cookie that set the lifetime of a session. */
export interface CookieLifetime {
  /** In seconds, as in a cookie. */
  maxAge?: number | undefined;
  expires?: Date | undefined;
}

/**
 * Creates a `SessionStorage` for React Router:
 * `reactRouterSessionStorage({ cookie: createCookie("__session", { … }), createSession }, new MemStore())`.
 *
 * A commit after the session was destroyed writes nothing and clears the cookie; parallel requests keep each other's
 * changes. An ID that the store does not know never becomes a session.
 *
 * @throws TypeError or RangeError for a wrong argument or option.
 */
export function reactRouterSessionStorage<S extends ReactRouterSession>(
  { cookie, createSession }: ReactRouterParts<S>,
  store: Store,
  options: BridgeOptions = {},
): ReactRouterSessionStorage<S> {
  assertFunction("createSession", createSession);
  assertFunction("cookie.parse", cookie?.parse);
  assertBridge("reactRouterSessionStorage", store, options);
  const sessions = new SessionRecords(store, "react-router", options);
  const known = new WeakMap<object, { id: string; origin: Origin }>();

  const expired = (settings?: object): Promise<string> =>
    cookie.serialize("", { ...settings, maxAge: undefined, expires: new Date(0) });

  function expiryOf({ maxAge, expires = cookie.expires }: CookieLifetime): Date {
    return maxAge === undefined ? (expires ?? sessions.expiryIn()) : sessions.expiryIn(maxAge * 1000);
  }

  return {
    async getSession(header, settings) {
      const id = header ? await cookie.parse(header, settings) : undefined;
      const loaded = typeof id === "string" && id !== "" ? await sessions.load(id) : undefined;
      if (loaded === undefined) return createSession({}, "");
      const session = createSession(loaded.values, id as string);
      known.set(session, { id: id as string, origin: loaded.origin });
      return session;
    },

    async commitSession(session, settings = {}) {
      let entry = known.get(session);
      if (entry === undefined) {
        const id = randomBytes(32).toString("base64url");
        entry = { id, origin: sessions.newOrigin(id) };
        known.set(session, entry);
      }
      const draft = { values: session.data as Values, expiry: expiryOf(settings) };
      const isSaved = await sessions.save(entry.origin, draft);
      return isSaved ? cookie.serialize(entry.id, settings) : expired(settings);
    },

    async destroySession(session, settings) {
      const entry = known.get(session);
      if (entry !== undefined) {
        entry.origin.hasEnded = true;
        await sessions.records.delete(entry.origin.key);
      }
      return expired(settings);
    },
  };
}
