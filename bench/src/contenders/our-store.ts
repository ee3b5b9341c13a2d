import type { FullStore, StoreOptions } from "@scs/core";
import { type Session, SessionManager } from "@scs/session";
import type { Contender, ContenderKind, Environment, SessionLayer, Values } from "../harness/contender.js";
import type { BenchSession } from "../harness/sessions.js";

/** A store of this repository. `open` returns a store that closes everything it opened on disposal. */
export type OurStore = Pick<ContenderKind, "name" | "durability" | "package" | "note" | "server"> & {
  open(environment: Environment, options: StoreOptions): Promise<FullStore>;
};

const decoder = new TextDecoder();
const encode = (session: unknown) => Buffer.from(JSON.stringify(session));
const decode = (data: Uint8Array): BenchSession => JSON.parse(decoder.decode(data));
const dataOf = (found: unknown) => (found as { data: Uint8Array }).data;

/**
 * Makes two contenders of a store: one on bytes, to compare with the bare driver, and one on objects, to compare with
 * peers, which encode JSON themselves.
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

/** Puts the session manager on a store, for the HTTP application. */
export function managerOn(store: FullStore): SessionLayer {
  const sessions = new SessionManager<Values>({ store, cookie: { secure: false } });
  return {
    middleware: sessions.middleware(),
    access: (req): Session<Values> => sessions.get(req),
    close: async () => store[Symbol.asyncDispose](),
  };
}
