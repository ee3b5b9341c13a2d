import { promisify } from "node:util";
import { makeDirectory, remove } from "./directory.js";
import { drivers } from "./drivers.js";
import { peers } from "./peers.js";
import type { BenchSession } from "./sessions.js";
import { findStore, stores } from "./stores.js";

interface Shared {
  /** Turns a session into what `commit` takes. Not timed. */
  prepare(session: BenchSession): unknown;
  /** Turns what `find` gave into the session again. Not timed. */
  parse(found: unknown): unknown;
  close(): Promise<void>;
}

/** Is called as promises are used: awaited. */
export interface PromiseContender extends Shared {
  style: "promise";
  find(token: string): Promise<unknown>;
  commit(token: string, content: unknown): Promise<unknown>;
  delete(token: string): Promise<unknown>;
}

export type Callback = (error?: unknown, result?: unknown) => void;

/** Is called as callbacks are used: a promise around each would be a cost of ours, not of the peer's. */
export interface CallbackContender extends Shared {
  style: "callback";
  find(token: string, callback: Callback): void;
  commit(token: string, content: unknown, callback: Callback): void;
  delete(token: string, callback: Callback): void;
}

export type Contender = PromiseContender | CallbackContender;

export interface ContenderKind {
  name: string;
  /** Whose figures ours are divided by. */
  isPeer: boolean;
  /** `expiry` is that of every session. */
  open(expiry: Date): Promise<Contender>;
}

const decoder = new TextDecoder();
const encode = (session: unknown) => Buffer.from(JSON.stringify(session));
const decode = (data: Uint8Array): unknown => JSON.parse(decoder.decode(data));

/** Each store twice, on bytes and on objects that it has to encode, and each peer, on objects, with callbacks and awaited. */
export const contenders: ContenderKind[] = [
  ...Object.keys(stores).flatMap((name) => [
    { name, isPeer: false, open: (expiry: Date) => openOnBytes(name, expiry) },
    { name: `${name} + JSON`, isPeer: false, open: (expiry: Date) => openOnObjects(name, expiry) },
  ]),
  ...Object.keys(peers).flatMap((name) => [
    { name, isPeer: true, open: () => openPeer(name) },
    { name: `${name}, awaited`, isPeer: true, open: async () => awaited(await openPeer(name)) },
  ]),
  ...Object.entries(drivers).map(([name, open]) => ({ name, isPeer: true, open })),
];

/** Gives the contender of this name. */
export function findContender(name: string): ContenderKind {
  const kind = contenders.find((each) => each.name === name);
  if (kind === undefined) {
    throw new RangeError(
      `no contender "${name}"; there are: ${contenders.map((each) => each.name).join(", ")}`,
    );
  }
  return kind;
}

async function openStore(name: string) {
  const directory = await makeDirectory();
  const store = await findStore(name).open(directory, { cleanupIntervalMs: 0 });
  return {
    store,
    close: async () => {
      await store[Symbol.asyncDispose]();
      await remove(directory);
    },
  };
}

async function openOnBytes(name: string, expiry: Date): Promise<Contender> {
  const { store, close } = await openStore(name);
  return {
    style: "promise",
    prepare: encode,
    parse: (found) => decode((found as { data: Uint8Array }).data),
    close,
    find: (token) => store.find(token),
    commit: (token, content) => store.commit(token, content as Uint8Array, expiry),
    delete: (token) => store.delete(token),
  };
}

async function openOnObjects(name: string, expiry: Date): Promise<Contender> {
  const { store, close } = await openStore(name);
  return {
    style: "promise",
    prepare: (session) => session,
    parse: (found) => found,
    close,
    find: async (token) => {
      const record = await store.find(token);
      return record && decode(record.data);
    },
    commit: (token, content) => store.commit(token, encode(content), expiry),
    delete: (token) => store.delete(token),
  };
}

async function openPeer(name: string): Promise<CallbackContender> {
  const { store, close } = (await peers[name]?.()) ?? {};
  if (store === undefined) throw new RangeError(`no peer "${name}"`);
  return {
    style: "callback",
    prepare: (session) => session,
    parse: (found) => found,
    close: async () => close?.(),
    find: (token, callback) => store.get(token, callback),
    // Some give a second argument, which is no result.
    commit: (token, content, callback) =>
      store.set(token, content as BenchSession, (error) => callback(error)),
    delete: (token, callback) => store.destroy(token, (error) => callback(error)),
  };
}

/** A peer as an application with async handlers calls it, and as ours are called. */
function awaited({ find, commit, delete: remove, ...shared }: CallbackContender): PromiseContender {
  return {
    ...shared,
    style: "promise",
    find: promisify(find),
    commit: promisify(commit),
    delete: promisify(remove),
  };
}
