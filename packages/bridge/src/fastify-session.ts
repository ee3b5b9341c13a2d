import type { Store } from "@scs/core";
import { assertBridge, type BridgeOptions } from "./bridge-options.js";
import { type Callback, settle } from "./callbacks.js";
import { draftOf, valuesAt } from "./cookie-values.js";
import type { Values } from "./merged-values.js";
import { type Origin, SessionRecords } from "./session-records.js";

export type { BridgeOptions } from "./bridge-options.js";
export type { Callback } from "./callbacks.js";

/** Methods that @fastify/session calls. */
export interface FastifySessionStore {
  // biome-ignore lint/suspicious/noExplicitAny: an app declares what its sessions hold
  get(id: string, callback: (error: unknown, session?: any) => void): void;
  set(id: string, session: object, callback?: Callback): void;
  destroy(id: string, callback?: Callback): void;
}

/**
 * Property under which a loaded session carries its {@link Origin} until it is saved. @fastify/session copies only the
 * session's own properties into a new object, so the origin must be one of them. Its value is a function, which JSON
 * omits.
 */
const CARRIER = "~origin";

/**
 * Creates a store for @fastify/session: `app.register(fastifySession, { store: fastifySessionStore(new MemStore()), … })`.
 *
 * A save after the session was destroyed writes nothing, and parallel requests keep each other's changes. A loaded
 * session has an additional enumerable property, `~origin`, which is not stored.
 *
 * @throws TypeError or RangeError for a wrong argument or option.
 */
export function fastifySessionStore(store: Store, options: BridgeOptions = {}): FastifySessionStore {
  assertBridge("fastifySessionStore", store, options);
  const sessions = new SessionRecords(store, "fastify-session", options, "cookie");
  /** Origins by `~origin` function, and by session object for new sessions, which have no such function yet. */
  const origins = new WeakMap<object, Origin>();
  const report = (error: unknown): void => sessions.report(error);

  async function load(id: string): Promise<Values | undefined> {
    const loaded = await sessions.load(id);
    if (loaded === undefined) return undefined;
    const carrier = (): undefined => undefined;
    origins.set(carrier, loaded.origin);
    return { ...valuesAt(loaded.values, loaded.expiry), [CARRIER]: carrier };
  }

  async function save(id: string, session: object): Promise<void> {
    const { [CARRIER]: carrier, ...values } = session as Values;
    const key = sessions.keyOf(id);
    const known = [session, carrier].map((from) => isObject(from) && origins.get(from));
    const origin = known.find((found) => found && found.key === key) || sessions.newOrigin(id);
    origins.set(session, origin);
    await sessions.save(origin, draftOf(sessions, values));
  }

  return {
    get: (id, callback) => settle(load(id), callback, report),
    set: (id, session, callback) => settle(save(id, session), callback, report),
    destroy: (id, callback) => settle(sessions.records.delete(sessions.keyOf(id)), callback, report),
  };
}

function isObject(value: unknown): value is object {
  return typeof value === "function" || (typeof value === "object" && value !== null);
}
