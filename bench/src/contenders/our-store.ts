import type { FullStore, StoreOptions } from "@scs/core";
import scsExpressSession from "@scs/express-session";
import { type Session, SessionManager } from "@scs/session";
import type expressSession from "express-session";
import type { Store } from "express-session";
import type { Contender, ContenderKind, Environment, SessionLayer, Values } from "../harness/contender.js";
import type { BenchSession } from "../harness/sessions.js";
import { expressSessionOn } from "./express-peer.js";

/** A store of this repository. Disposing of the store that `open` returns closes everything that `open` opened. */
export type OurStore = Pick<ContenderKind, "name" | "durability" | "package" | "note" | "server"> & {
  open(environment: Environment, options: StoreOptions): Promise<FullStore>;
};

const decoder = new TextDecoder();
const encode = (session: unknown) => Buffer.from(JSON.stringify(session));
const decode = (data: Uint8Array): BenchSession => JSON.parse(decoder.decode(data));
const dataOf = (found: unknown) => (found as { data: Uint8Array }).data;

/**
 * Creates three contenders from a store: one takes bytes, to compare with the bare driver; one takes objects, to compare
 * with peers, which encode JSON themselves; one, for requests only, is below `req.session`.
 */
export function ourStore({ open, ...kind }: OurStore): ContenderKind[] {
  const openStore = (environment: Environment) => {
    const { now } = environment;
    return open(environment, { cleanupIntervalMs: 0, ...(now !== undefined && { now }) });
  };
  return [
    {
      ...kind,
      role: "ours",
      takes: "bytes",
      open: async (environment) => onBytes(await openStore(environment)),
    },
    {
      ...kind,
      name: `${kind.name} + JSON`,
      role: "ours",
      takes: "objects",
      open: async (environment) => onObjects(await openStore(environment)),
      openLayer: async (environment) => managerOn(await openStore(environment)),
    },
    {
      ...kind,
      name: `${kind.name} + req.session`,
      role: "ours",
      takes: "objects",
      package: "@scs/express-session",
      openLayer: async (environment) => {
        const store = await openStore(environment);
        const create = scsExpressSession as unknown as typeof expressSession;
        return expressSessionOn(store as unknown as Store, async () => store[Symbol.asyncDispose](), create);
      },
    },
  ];
}

function onBytes(store: FullStore): Contender {
  return {
    ...sharedCalls(store),
    prepare: encode,
    read: (found) => decode(dataOf(found)),
    bytesOf: dataOf,
    expiryOf: (found) => (found as { expiry?: Date }).expiry,
    find: (token) => store.find(token),
    commit: (token, content, expiry) => store.commit(token, content as Uint8Array, expiry),
    replace: (token, previous, content, expiry) =>
      store.replace(token, previous as Uint8Array, content as Uint8Array, expiry),
    entries: () => store.entries(),
  };
}

function onObjects(store: FullStore): Contender {
  return {
    ...sharedCalls(store),
    prepare: (session) => session,
    read: (found) => found as BenchSession,
    find: async (token) => {
      const record = await store.find(token);
      return record && decode(record.data);
    },
    commit: (token, content, expiry) => store.commit(token, encode(content), expiry),
    replace: (token, previous, content, expiry) =>
      store.replace(token, encode(previous), encode(content), expiry),
    async *entries() {
      for await (const { data } of store.entries()) yield decode(data);
    },
  };
}

function sharedCalls(store: FullStore) {
  return {
    style: "promise",
    delete: (token: string) => store.delete(token),
    touch: (token: string, _content: unknown, expiry: Date) => store.touch(token, expiry),
    touchTells: true,
    deleteExpired: () => store.deleteExpired(),
    close: async () => store[Symbol.asyncDispose](),
  } as const;
}

/** Creates the HTTP application's session layer from the session manager and a store. */
export function managerOn(store: FullStore): SessionLayer {
  const sessions = new SessionManager<Values>({ store, cookie: { secure: false } });
  return {
    middleware: sessions.middleware(),
    access: (req): Session<Values> => sessions.get(req),
    close: async () => store[Symbol.asyncDispose](),
  };
}
