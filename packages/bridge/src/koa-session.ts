import type { Store } from "@scs/core";
import { assertBridge, type BridgeOptions } from "./bridge-options.js";
import type { Values } from "./merged-values.js";
import { type Origin, SessionRecords } from "./session-records.js";

export type { BridgeOptions } from "./bridge-options.js";

/** Methods that koa-session calls. */
export interface KoaSessionStore {
  get(id: string, maxAge: unknown, options: { ctx: object }): Promise<object | undefined>;
  set(id: string, session: object, maxAge: unknown, options: { ctx: object }): Promise<void>;
  destroy(id: string, options: { ctx: object }): Promise<void>;
}

/** koa-session adds this time to the session's lifetime, so that the cookie expires first. */
const MARGIN_MS = 10_000;

/** The session of one request. */
interface RequestState {
  origin?: Origin | undefined;
  /** Whether another request has ended the session that this one loaded. */
  isEndedByOthers?: boolean;
}

/**
 * Creates a store for koa-session 6 and 7: `session({ store: koaSessionStore(new MemStore()), … }, app)`.
 *
 * A save or regeneration after the session was destroyed writes nothing, and parallel requests keep each other's
 * changes.
 *
 * @throws TypeError or RangeError for a wrong argument or option.
 */
export function koaSessionStore(store: Store, options: BridgeOptions = {}): KoaSessionStore {
  assertBridge("koaSessionStore", store, options);
  const sessions = new SessionRecords(store, "koa-session", options, "_maxAge");
  const states = new WeakMap<object, RequestState>();

  return {
    async get(id, _maxAge, { ctx }) {
      const loaded = await sessions.load(id);
      states.set(ctx, { origin: loaded?.origin });
      if (loaded === undefined) return undefined;
      const { values, expiry } = loaded;
      return "_maxAge" in values ? { ...values, _expire: expiry.getTime() - MARGIN_MS } : values;
    },

    async set(id, session, maxAge, { ctx }) {
      const state = states.get(ctx) ?? {};
      if (state.isEndedByOthers) return;
      if (state.origin?.key !== sessions.keyOf(id)) state.origin = sessions.newOrigin(id);
      states.set(ctx, state);
      const { _expire, ...values } = session as Values;
      const expiry = sessions.expiryIn(typeof maxAge === "number" ? maxAge : undefined);
      await sessions.save(state.origin, { values, expiry });
    },

    async destroy(id, { ctx }) {
      const key = sessions.keyOf(id);
      const wasThere = (await sessions.records.take(key)) !== undefined;
      const isLoaded = states.get(ctx)?.origin?.key === key;
      // The request may continue with a session of another ID, or with a new one of the same ID.
      states.set(ctx, { isEndedByOthers: isLoaded && !wasThere });
    },
  };
}
