import { join } from "node:path";
import type { Contender, ContenderKind } from "./contender.js";
import type { BenchSession } from "./sessions.js";

const LIFETIME_MS = 86_400_000;

/** Caches that people keep sessions in: awaited, as their own documentation calls them. */
export const caches: ContenderKind[] = [
  {
    name: "lru-cache",
    durability: "memory",
    takes: "objects",
    package: "lru-cache",
    note: "a plain cache of JSON strings with a time to live, behind async functions",
    open: async ({ sessions }) => {
      const { LRUCache } = await import("lru-cache");
      // Larger than all that is put in: what it drops is no session that was kept.
      const cache = new LRUCache<string, string>({ max: 16 * sessions, ttl: LIFETIME_MS });
      return {
        ...onObjects,
        find: async (token) => {
          const text = cache.get(token);
          return text === undefined ? undefined : JSON.parse(text);
        },
        commit: async (token, content, expiry) => {
          cache.set(token, JSON.stringify(content), { ttl: Math.max(1, expiry.getTime() - Date.now()) });
        },
        delete: async (token) => {
          cache.delete(token);
        },
        touch: async (token, _content, expiry) => {
          const text = cache.get(token);
          if (text === undefined) return false;
          return cache.set(token, text, { ttl: expiry.getTime() - Date.now() }) !== undefined;
        },
        touchTells: true,
        all: async () => Array.from(cache.values(), (text) => JSON.parse(text)),
        listed: (all) => all as BenchSession[],
        close: async () => cache.clear(),
      };
    },
  },
  {
    name: "keyv (SQLite)",
    durability: "flushed",
    takes: "objects",
    package: "@keyv/sqlite",
    note: "on sqlite3, rollback journal, synchronous FULL: the defaults",
    open: async ({ directory }) => {
      const { KeyvSqlite } = await import("@keyv/sqlite");
      return onKeyv(new KeyvSqlite(`sqlite://${join(directory, "keyv.db")}`));
    },
  },
  {
    name: "keyv (Postgres)",
    durability: "flushed",
    takes: "objects",
    package: "@keyv/postgres",
    server: "postgres",
    open: async ({ url = "" }) => {
      const { KeyvPostgres } = await import("@keyv/postgres");
      return onKeyv(new KeyvPostgres({ uri: url, max: 10 }));
    },
  },
];

const onObjects = {
  style: "promise",
  prepare: (session: BenchSession): unknown => session,
  read: (found: unknown): BenchSession => found as BenchSession,
} as const;

async function onKeyv(store: object): Promise<Contender> {
  const { default: Keyv } = await import("keyv");
  // Without it, what fails is found absent, and what was not written counts as written.
  const keyv = new Keyv({ store, throwOnErrors: true });
  keyv.on("error", () => undefined); // the calls throw it
  return {
    ...onObjects,
    find: (token) => keyv.get(token),
    commit: (token, content, expiry) => keyv.set(token, content, expiry.getTime() - Date.now()),
    delete: (token) => keyv.delete(token),
    close: () => keyv.disconnect(),
  };
}
