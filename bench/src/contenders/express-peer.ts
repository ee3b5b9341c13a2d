import expressSession, { type Store } from "express-session";
import type {
  Contender,
  ContenderKind,
  Environment,
  SessionAccess,
  SessionLayer,
  Values,
} from "../harness/contender.js";
import type { BenchSession } from "../harness/sessions.js";

export type Done = (error?: unknown, result?: unknown) => void;

/** An open store for express-session. */
export interface OpenedPeer {
  store: Pick<Store, "get" | "set" | "destroy" | "touch"> & Partial<Pick<Store, "all" | "length">>;
  /** The store that express-session takes, if `store` is a wrapper. */
  forExpress?: Store;
  deleteExpired?(done: Done): void;
  bulk?: Contender["bulk"];
  /** Closes handles and stops timers. */
  close?(): Promise<void>;
}

/** A widely used store for express-session, configured as in the first example of its README. */
export type ExpressPeer = Omit<ContenderKind, "role" | "takes" | "open" | "openLayer"> & {
  open(environment: Environment): Promise<OpenedPeer>;
};

export function expressPeer({ open, ...kind }: ExpressPeer): ContenderKind {
  return {
    ...kind,
    role: "peer",
    takes: "objects",
    open: async (environment) => onCallbacks(await open(environment)),
    openLayer: async (environment) => {
      const { store, forExpress = store as Store, close } = await open(environment);
      return expressSessionOn(forExpress, async () => close?.());
    },
  };
}

/** Creates the HTTP application's session layer from express-session, or a compatible middleware, and a store. */
export function expressSessionOn(
  store: Store,
  close: () => Promise<void>,
  create: typeof expressSession = expressSession,
): SessionLayer {
  const middleware = create({
    ...{ secret: "a secret of the bench", resave: false, saveUninitialized: false, store },
    cookie: { httpOnly: true, sameSite: "lax" },
  });
  return {
    middleware: middleware as unknown as SessionLayer["middleware"],
    access: (req): SessionAccess => {
      const data = (req as unknown as { session: Partial<Values> }).session;
      return { get: (key) => data[key], set: (key, value) => void Object.assign(data, { [key]: value }) };
    },
    close,
  };
}

function onCallbacks({ store, deleteExpired, bulk, close }: OpenedPeer): Contender {
  const { all, length } = store;
  const call = <Result>(make: (done: Done) => void) =>
    new Promise<Result>((resolve, reject) =>
      make((error, result) => (error ? reject(error) : resolve(result as Result))),
    );
  return {
    style: "callback",
    prepare: (session) => session,
    read: (found) => found as BenchSession,
    find: (token, callback) => store.get(token, callback),
    // Some stores pass a second argument that is not a result.
    commit: (token, content, _expiry, callback) =>
      store.set(token, content as BenchSession, (error) => callback(error)),
    delete: (token, callback) => store.destroy(token, (error) => callback(error)),
    touch: (token, content, _expiry, callback) =>
      store.touch?.(token, content as BenchSession, ((error: unknown) => callback(error)) as () => void),
    ...(all !== undefined && {
      entries: async () => Object.values(await call<object>((done) => all.call(store, done))),
    }),
    ...(deleteExpired !== undefined && {
      deleteExpired: () => call<undefined>((done) => deleteExpired((error) => done(error))),
    }),
    ...(bulk !== undefined && { bulk }),
    ...(length !== undefined && { count: () => call<number>((done) => length.call(store, done)) }),
    close: async () => close?.(),
  };
}
