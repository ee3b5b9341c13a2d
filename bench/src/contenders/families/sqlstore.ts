import { join } from "node:path";
import type { ContenderKind, Family } from "../../harness/contender.js";
import { onBytes } from "../bytes.js";
import { type OurStore, ourStore } from "../our-store.js";
import { betterSqlite3Peer, connectSqlite3 } from "../sqlite-peers.js";

function sqlStore(name: string, driver: "sqlite3" | "better-sqlite3"): ContenderKind[] {
  const open: OurStore["open"] = async ({ directory }, options) => {
    const { openSqlStore } = await import("@scs/sqlstore");
    return openSqlStore(join(directory, "sessions.db"), { ...options, driver });
  };
  return ourStore({ name, durability: "flushed", package: "@scs/sqlstore", note: `on ${driver}`, open });
}

const betterSqlite3: ContenderKind = {
  name: "better-sqlite3",
  role: "limit",
  takes: "bytes",
  durability: "flushed",
  package: "better-sqlite3",
  note: "prepared statements, WAL, synchronous FULL, one transaction a write",
  open: async ({ directory }) => {
    const { default: Database } = await import("better-sqlite3");
    const db = new Database(join(directory, "raw.db"));
    db.exec(`PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
      CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL);
      CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions (expiry)`);
    const find = db.prepare("SELECT data FROM sessions WHERE token = ? AND expiry > ?").pluck();
    const commit = db.prepare("REPLACE INTO sessions VALUES (?, ?, ?)");
    const remove = db.prepare("DELETE FROM sessions WHERE token = ?");
    const touch = db.prepare("UPDATE sessions SET expiry = ? WHERE token = ?");
    const replace = db.prepare("UPDATE sessions SET data = ?, expiry = ? WHERE token = ? AND data = ?");
    return {
      ...onBytes,
      find: async (token) => find.get(token, Date.now()),
      commit: async (token, content, expiry) => void commit.run(token, content, expiry.getTime()),
      delete: async (token) => void remove.run(token),
      touch: async (token, _content, expiry) => touch.run(expiry.getTime(), token).changes > 0,
      touchTells: true,
      replace: async (token, previous, content, expiry) =>
        replace.run(content, expiry.getTime(), token, previous).changes > 0,
      close: async () => void db.close(),
    };
  },
};

export default {
  store: "sqlstore",
  contenders: [
    ...sqlStore("sqlstore", "sqlite3"),
    ...sqlStore("sqlstore (better-sqlite3)", "better-sqlite3"),
    connectSqlite3,
    betterSqlite3Peer,
    betterSqlite3,
  ],
} satisfies Family as Family;
