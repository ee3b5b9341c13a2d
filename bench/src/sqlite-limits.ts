import { join } from "node:path";
import type { ContenderKind, Environment } from "./contender.js";
import { groups } from "./groups.js";
import { onBytes } from "./limits.js";

/** Prepared statements on the table of sqlstore, with its settings. */
async function openTable({ directory }: Environment) {
  const { default: Database } = await import("better-sqlite3");
  const db = new Database(join(directory, "raw.db"));
  db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
    CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
    CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions (expiry)`);
  const select = db.prepare("SELECT data FROM sessions WHERE token = ? AND expiry > ?").pluck();
  const upsert = db.prepare("REPLACE INTO sessions VALUES (?, ?, ?)");
  const remove = db.prepare("DELETE FROM sessions WHERE token = ?");
  const extend = db.prepare("UPDATE sessions SET expiry = ? WHERE token = ?");
  const swap = db.prepare("UPDATE sessions SET data = ?, expiry = ? WHERE token = ? AND data = ?");
  return {
    db,
    find: (token: string) => select.get(token, Date.now()) as Buffer | undefined,
    commit: (token: string, content: unknown, expiry: Date) =>
      upsert.run(token, content, expiry.getTime()).changes,
    delete: (token: string) => remove.run(token).changes,
    touch: (token: string, _content: unknown, expiry: Date) =>
      extend.run(expiry.getTime(), token).changes > 0,
    replace: (token: string, previous: unknown, content: unknown, expiry: Date) =>
      swap.run(content, expiry.getTime(), token, previous).changes > 0,
  };
}

const shared = {
  durability: "flushed",
  takes: "bytes",
  package: "better-sqlite3",
} as const;

/** What a store on SQLite can reach. */
export const sqliteLimits: ContenderKind[] = [
  {
    ...shared,
    name: "better-sqlite3",
    note: "prepared statements, WAL, synchronous FULL, a transaction for each write",
    open: async (environment) => {
      const table = await openTable(environment);
      return {
        ...onBytes,
        find: async (token) => table.find(token),
        commit: async (token, content, expiry) => table.commit(token, content, expiry),
        delete: async (token) => table.delete(token),
        touch: async (token, content, expiry) => table.touch(token, content, expiry),
        touchTells: true,
        replace: async (token, previous, content, expiry) => table.replace(token, previous, content, expiry),
        close: async () => void table.db.close(),
      };
    },
  },
  {
    ...shared,
    name: "better-sqlite3 (grouped)",
    note: "the same, a transaction for all writes that wait",
    open: async (environment) => {
      const table = await openTable(environment);
      const carryOut = table.db.transaction((works: (() => void)[]) => {
        for (const work of works) work();
      });
      const group = groups<() => void>(async (works) => carryOut.immediate(works));
      const grouped = async <Result>(work: () => Result): Promise<Result> => {
        let result: Result | undefined;
        await group(() => {
          result = work();
        });
        return result as Result;
      };
      return {
        ...onBytes,
        find: async (token) => table.find(token),
        commit: (token, content, expiry) => grouped(() => table.commit(token, content, expiry)),
        delete: (token) => grouped(() => table.delete(token)),
        touch: (token, content, expiry) => grouped(() => table.touch(token, content, expiry)),
        touchTells: true,
        replace: (token, previous, content, expiry) =>
          grouped(() => table.replace(token, previous, content, expiry)),
        close: async () => void table.db.close(),
      };
    },
  },
];
