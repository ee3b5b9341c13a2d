import type { Store } from "@scs/core";
import { assertBridge, type BridgeOptions } from "./bridge-options.js";
import { type Callback, settle } from "./callbacks.js";
import { draftOf, valuesAt } from "./cookie-values.js";
import type { Values } from "./merged-values.js";
import { type Origin, SessionRecords } from "./session-records.js";

export type { BridgeOptions } from "./bridge-options.js";
export type { Callback } from "./callbacks.js";

/** Methods of express-session's `Store`, optional ones included. */
export interface ExpressSessionStore {
  get(id: string, callback: Callback<object | undefined>): void;
  set(id: string, session: object, callback?: Callback): void;
  destroy(id: string, callback?: Callback): void;
  touch(id: string, session: object, callback?: Callback): void;
  all(callback: Callback<object[]>): void;
  length(callback: Callback<number>): void;
  clear(callback?: Callback): void;
  createSession(request: object, session: object): object;
}

/**
 * Creates a store for express-session:
 * `session({ store: expressSessionStore(session, new MemStore()), … })`.
 *
 * A save after the session was destroyed writes nothing, and parallel requests keep each other's changes.
 *
 * @param session The export of the package `express-session`. Its `Store` is the base class of the result.
 * @throws TypeError or RangeError for a wrong argument or option.
 */
export function expressSessionStore<S extends object>(
  session: { Store: abstract new () => S },
  store: Store,
  options: BridgeOptions = {},
): S & ExpressSessionStore {
  const Base = session?.Store as (new () => S & ExpressSessionStore) | undefined;
  if (typeof Base !== "function" || typeof Base.prototype.createSession !== "function")
    throw new TypeError("expressSessionStore: the first argument must be what express-session exports");
  assertBridge("expressSessionStore", store, options);
  const sessions = new SessionRecords(store, "express-session", options, "cookie");
  const origins = new WeakMap<object, Origin>();
  const report = (error: unknown): void => sessions.report(error);

  async function load(id: string): Promise<Values | undefined> {
    const loaded = await sessions.load(id);
    if (loaded === undefined) return undefined;
    const values = valuesAt(loaded.values, loaded.expiry);
    origins.set(values, loaded.origin);
    return values;
  }

  async function save(id: string, session: object): Promise<void> {
    const draft = draftOf(sessions, session);
    let origin = origins.get(session);
    if (origin?.key !== sessions.keyOf(id)) {
      // The app created this session object itself, so its origin is unknown.
      if (!("save" in session)) return sessions.overwrite(id, draft);
      origin = sessions.newOrigin(id);
      origins.set(session, origin);
    }
    await sessions.save(origin, draft);
  }

  async function touch(id: string, session: object): Promise<void> {
    const draft = draftOf(sessions, session);
    const origin = origins.get(session);
    // express-session also touches a session of which only the cookie has changed. An unchanged one is not written.
    if (origin?.key === sessions.keyOf(id) && origin.view !== undefined) await sessions.save(origin, draft);
    else await sessions.records.touch(sessions.keyOf(id), draft.expiry);
  }

  async function* all(): AsyncGenerator<Values, void> {
    for await (const { record } of sessions.records.entries()) {
      const values = sessions.decode(record.data);
      if (values !== undefined) yield valuesAt(values, record.expiry);
    }
  }

  async function count(): Promise<number> {
    let length = 0;
    for await (const _ of sessions.records.entries()) length++;
    return length;
  }

  async function clear(): Promise<void> {
    for await (const { name } of sessions.records.entries())
      await sessions.records.delete(sessions.records.plainKeyOf(name));
  }

  const base = new Base();
  const createSession = base.createSession;
  const methods: ExpressSessionStore = {
    get: (id, callback) => settle(load(id), callback, report),
    set: (id, session, callback) => settle(save(id, session), callback, report),
    destroy: (id, callback) => settle(sessions.records.delete(sessions.keyOf(id)), callback, report),
    touch: (id, session, callback) => settle(touch(id, session), callback, report),
    all: (callback) => settle(arrayOf(all()), callback, report),
    length: (callback) => settle(count(), callback, report),
    clear: (callback) => settle(clear(), callback, report),
    createSession(request, values) {
      const origin = origins.get(values);
      const made = createSession.call(base, request, values);
      if (origin !== undefined) origins.set(made, origin);
      return made;
    },
  };
  return Object.assign(base, methods);
}

async function arrayOf<T>(items: AsyncIterable<T>): Promise<T[]> {
  const list: T[] = [];
  for await (const item of items) list.push(item);
  return list;
}
