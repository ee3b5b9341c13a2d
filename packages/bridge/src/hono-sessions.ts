import type { Store } from "@scs/core";
import { assertBridge, type BridgeOptions } from "./bridge-options.js";
import type { Values } from "./merged-values.js";
import { type Origin, type SessionDraft, SessionRecords } from "./session-records.js";

export type { BridgeOptions } from "./bridge-options.js";

/** A session of hono-sessions. */
export interface HonoSessionData {
  _id?: string;
  // biome-ignore lint/suspicious/noExplicitAny: an app declares what its sessions hold
  _data: Record<string, any>;
  _expire: string | null;
  _delete: boolean;
  _accessed: string | null;
}

/** Methods that hono-sessions calls. */
export interface HonoSessionStore {
  getSessionById(id?: string): Promise<HonoSessionData | undefined>;
  createSession(id: string, session: HonoSessionData): Promise<void>;
  persistSessionData(id: string, session: HonoSessionData): Promise<void>;
  deleteSession(id: string): Promise<void>;
}

/**
 * Creates a store for hono-sessions: `sessionMiddleware({ store: honoSessionStore(new MemStore()), … })`.
 *
 * A save after the session was deleted writes nothing, and parallel requests keep each other's changes. Only the values
 * are stored: `_id` is the secret of the cookie, and nothing reads `_accessed`.
 *
 * @throws TypeError or RangeError for a wrong argument or option.
 */
export function honoSessionStore(store: Store, options: BridgeOptions = {}): HonoSessionStore {
  assertBridge("honoSessionStore", store, options);
  const sessions = new SessionRecords(store, "hono-sessions", options);
  const origins = new WeakMap<object, Origin>();

  const draftOf = ({ _data, _expire }: HonoSessionData): SessionDraft => ({
    values: _data as Values,
    expiry: _expire === null ? sessions.expiryIn() : new Date(_expire),
  });

  async function insert(id: string, session: HonoSessionData): Promise<void> {
    const origin = sessions.newOrigin(id);
    origins.set(session, origin);
    await sessions.save(origin, draftOf(session));
  }

  return {
    async getSessionById(id) {
      if (typeof id !== "string") return undefined;
      const loaded = await sessions.load(id);
      if (loaded === undefined) return undefined;
      const session = { _data: loaded.values, _expire: null, _delete: false, _accessed: null };
      origins.set(session, loaded.origin);
      return session;
    },
    createSession: insert,
    async persistSessionData(id, session) {
      const origin = origins.get(session);
      if (origin?.key === sessions.keyOf(id)) await sessions.save(origin, draftOf(session));
      else await insert(id, session);
    },
    deleteSession: (id) => sessions.records.delete(sessions.keyOf(id)),
  };
}
