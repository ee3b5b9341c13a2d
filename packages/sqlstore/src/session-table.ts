import { MAX_JULIAN_DAY } from "./julian-day.js";

/** Returns the statement for `count` records. Its parameters are the rows, one after another. */
export type RecordStatement = (count: number) => string;

/** The SQL of one session table. Only the table's name is part of the text; every value is a parameter. */
export class SessionTable {
  readonly name: string;
  /** Creates table and index. Idempotent, and safe while other processes do the same. */
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
  /** Parameters: the time, the maximum number. Returns a row for each removed record. */
  readonly deleteExpired: string;
  /** Parameters: cursor, time, maximum rows, maximum bytes. Returns the number of next rows within both limits. */
  readonly measurePage: string;
  /** Parameters: cursor, time, maximum rows. Returns token, data, expiry, and the cursor after each row. */
  readonly page: string;
  /** Parameter: the time. Returns token, data, expiry of each live record. */
  readonly all: string;
  /** Fails if the table, or the index of its tokens, cannot be read at all. */
  readonly probe: string;

  /**
   * @throws TypeError if `name` is no string.
   * @throws RangeError if SQLite does not accept the name for a table.
   */
  constructor(name: string) {
    if (typeof name !== "string") throw new TypeError(`table must be a string, got ${typeof name}`);
    if (name === "" || name.includes("\0") || !name.isWellFormed() || /^sqlite_/i.test(name)) {
      throw new RangeError("table must be a well-formed name without NUL that does not begin with sqlite_");
    }
    this.name = name;
    const table = quote(name);
    // Other programs may write any type: TEXT counts as its bytes, an integer as a number of days.
    const data = `CASE typeof(${table}.data) WHEN 'text' THEN CAST(${table}.data AS BLOB) WHEN 'blob' THEN ${table}.data END`;
    const expiry = `CASE WHEN typeof(${table}.expiry) IN ('real', 'integer') THEN CAST(${table}.expiry AS REAL) END`;
    const columns = `${table}.token AS token, ${data} AS data, ${expiry} AS expiry`;
    // Text and blobs compare as greater than every number: the upper bound excludes them.
    const isLive = `${table}.expiry > ? AND ${table}.expiry <= ${MAX_JULIAN_DAY} AND typeof(${table}.data) IN ('blob', 'text')`;
    // Every text is less than the empty blob. The cursor is bytes, because tokens of other programs may be invalid UTF-8.
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

/** Caches the texts, because drivers keep prepared statements by text. */
function perCount(make: RecordStatement): RecordStatement {
  const texts: string[] = [];
  return (count) => {
    texts[count] ??= make(count);
    return texts[count];
  };
}
