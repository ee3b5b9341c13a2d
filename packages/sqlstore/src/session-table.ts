import { MAX_JULIAN_DAY } from "./julian-day.js";

/** The statements that deal with many records at once: for `count` of them, rows of parameters one after the other. */
export type RecordStatement = (count: number) => string;

/** The SQL of one session table. Whatever varies is bound; only the name of the table is part of the text. */
export class SessionTable {
  readonly name: string;
  /** Idempotent, and safe while other processes do the same. */
  readonly create: readonly string[];
  /** Rows: token. Returns token, data, expiry. */
  readonly find: RecordStatement;
  /** Rows: token, data, expiry. */
  readonly commit: RecordStatement;
  /** Rows: token, data, expiry; then now. Writes those that have no live record. */
  readonly insert: RecordStatement;
  /** Rows: token, previous or null for any, data or null for the same, expiry; then now. */
  readonly update: RecordStatement;
  /** Rows: token. */
  readonly delete: RecordStatement;
  /** Takes the time, and how many at most. Returns a row for each that it removed. */
  readonly deleteExpired: string;
  /** Takes the cursor, the time, a limit of rows, one of bytes. Returns how many of the next rows keep to both. */
  readonly measurePage: string;
  /** Takes the cursor, the time, and a limit of rows. Returns token, data, expiry and the cursor after each. */
  readonly page: string;
  /** Takes the time. Returns token, data, expiry of each record that is live. */
  readonly all: string;
  /** Fails if nothing of the table, or of the index of its tokens, can be read. */
  readonly probe: string;

  /**
   * @throws TypeError if `name` is no string.
   * @throws RangeError if SQLite takes no table of this name.
   */
  constructor(name: string) {
    if (typeof name !== "string") throw new TypeError(`table must be a string, got ${typeof name}`);
    if (name === "" || name.includes("\0") || !name.isWellFormed() || /^sqlite_/i.test(name)) {
      throw new RangeError("table must be a well-formed name without NUL that does not begin with sqlite_");
    }
    this.name = name;
    const table = quote(name);
    // What other programs wrote may have any type: TEXT counts as its bytes, an integer as a number of days.
    const data = `CASE typeof(${table}.data) WHEN 'text' THEN CAST(${table}.data AS BLOB) WHEN 'blob' THEN ${table}.data END`;
    const expiry = `CASE WHEN typeof(${table}.expiry) IN ('real', 'integer') THEN CAST(${table}.expiry AS REAL) END`;
    const columns = `${table}.token AS token, ${data} AS data, ${expiry} AS expiry`;
    // Text and blobs compare as greater than every number: the upper bound leaves them out.
    const isLive = `${table}.expiry > ? AND ${table}.expiry <= ${MAX_JULIAN_DAY} AND typeof(${table}.data) IN ('blob', 'text')`;
    // Every text lies below the empty blob. The cursor is bytes, since a token of others may be no valid UTF-8.
    const next = `FROM ${table} WHERE token > CAST(? AS TEXT) AND token < x'' AND (expiry > ?) IS NOT FALSE ORDER BY token LIMIT ?`;

    this.create = [
      `CREATE TABLE IF NOT EXISTS ${table} (token TEXT PRIMARY KEY, data BLOB NOT NULL, expiry REAL NOT NULL)`,
      `CREATE INDEX IF NOT EXISTS ${quote(`${name}_expiry_idx`)} ON ${table} (expiry)`,
    ];
    this.find = perCount((count) => `SELECT ${columns} FROM ${table} WHERE token IN (${list("?", count)})`);
    const values = (count: number): string => `(token, data, expiry) VALUES ${list("(?, ?, ?)", count)}`;
    const overwrite = "DO UPDATE SET data = excluded.data, expiry = excluded.expiry";
    this.commit = perCount(
      (count) => `INSERT INTO ${table} ${values(count)} ON CONFLICT (token) ${overwrite}`,
    );
    this.insert = perCount(
      (count) =>
        `INSERT INTO ${table} ${values(count)} ON CONFLICT (token) ${overwrite} WHERE (${isLive}) IS NOT TRUE`,
    );
    this.update = perCount(
      (count) =>
        `WITH change (key, previous, content, until) AS (VALUES ${list("(?, ?, ?, ?)", count)})
        UPDATE ${table} SET data = ifnull(change.content, ${table}.data), expiry = change.until FROM change
        WHERE ${table}.token = change.key AND ${isLive} AND (change.previous IS NULL OR ${data} = change.previous)`,
    );
    this.delete = perCount((count) => `DELETE FROM ${table} WHERE token IN (${list("?", count)})`);
    this.deleteExpired = `DELETE FROM ${table} WHERE rowid IN (SELECT rowid FROM ${table} WHERE expiry <= ? LIMIT ?) RETURNING 1`;
    this.measurePage = `SELECT count(*) AS count FROM (SELECT sum(bytes) OVER (ORDER BY token ROWS UNBOUNDED PRECEDING)
      AS total FROM (SELECT token, length(data) AS bytes ${next})) WHERE total <= ?`;
    this.page = `SELECT ${columns}, CAST(token AS BLOB) AS cursor ${next}`;
    this.all = `SELECT ${columns} FROM ${table} WHERE (expiry > ?) IS NOT FALSE AND typeof(token) = 'text'`;
    this.probe = `SELECT (SELECT data FROM ${table} NOT INDEXED LIMIT 1), (SELECT token FROM ${table} WHERE token > '' LIMIT 1)`;
  }
}

function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

function list(item: string, count: number): string {
  return Array<string>(count).fill(item).join(", ");
}

/** Makes each text once: a driver keeps its prepared statement under it. */
function perCount(make: RecordStatement): RecordStatement {
  const texts: string[] = [];
  return (count) => {
    texts[count] ??= make(count);
    return texts[count];
  };
}
