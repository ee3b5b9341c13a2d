// Fills a SQLite file with sessions in the manager's format, by plain inserts: a million in half a minute.
import { createHash, randomBytes } from "node:crypto";
import { devalueCodec } from "@scs/session";
import Database from "better-sqlite3";

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
const random = (length) => randomBytes(length).toString("base64url");
const sha256 = (text) => createHash("sha256").update(text).digest("base64url");
const julianDay = (ms) => ms / DAY_MS + 2_440_587.5;

/** Writes `count` sessions, two per owner, and the owners' lists. */
export function seed(path, count) {
  const db = new Database(path);
  db.pragma("journal_mode = WAL");
  db.pragma("synchronous = OFF");
  db.exec(
    "CREATE TABLE IF NOT EXISTS sessions(token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)",
  );
  db.exec("CREATE INDEX IF NOT EXISTS sessions_expiry_idx ON sessions(expiry)");
  const insert = db.prepare("INSERT INTO sessions VALUES (?, ?, ?)");
  const now = Date.now();
  const write = db.transaction((from, to) => {
    for (let n = from; n < to; n += 2) {
      const user = `user-${n / 2}`;
      const hash = sha256(JSON.stringify(["owner", "", user]));
      const entries = [0, 1].map(() => {
        const [id, stamp, since] = [random(16), random(6), now - Math.floor(Math.random() * 20 * HOUR_MS)];
        const deadline = since + 7 * DAY_MS;
        const owner = { hash, stamp, since, checked: since };
        const meta = { secrets: [[sha256(random(32))]], owner, seen: since };
        const values = { user, device: "Firefox on Linux", cart: { coffee: n % 7 } };
        const data = devalueCodec.encode({ version: 1, deadline, meta, values });
        insert.run(id, data, julianDay(deadline));
        return { id, stamps: [stamp], created: since, deadline, at: since };
      });
      const list = Buffer.from(JSON.stringify({ version: 1, sessions: entries }));
      insert.run(`@owner.${hash}`, list, julianDay(now + 7 * DAY_MS));
    }
  });
  for (let from = 0; from < count; from += 20_000) write(from, Math.min(from + 20_000, count));
  db.close();
}
