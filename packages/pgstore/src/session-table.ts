import { createHash } from "node:crypto";
import type { Call } from "@scs/core/kit";

/** A statement's text, and the name under which connections keep it prepared. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** The statement for one record, and that for many: for one it takes plain parameters, for many an array of each. */
export interface RecordStatement {
  readonly one: Statement;
  readonly many: Statement;
}

/** Returns the name of the statement that carries out a call: `replace` is an insert or an update. */
export function statementOf(call: Call): "find" | "commit" | "insert" | "update" | "touch" | "delete" {
  if (call.kind !== "replace") return call.kind;
  return call.previous === undefined ? "insert" : "update";
}

/** PostgreSQL cuts longer names off, and two tables would be one. */
const MAX_NAME_BYTES = 63;

/**
 * The SQL of one session table. Whatever varies is a parameter; only the names of schema and table are part of the
 * text. With a clock of the app's, its time is the last parameter of each statement that `usesNow` names.
 *
 * Reads go by `now()`, one instant for the whole statement. Writes go by `clock_timestamp()`: while one waits for the
 * lock of a row, the row may expire, and must not be brought back.
 *
 * Each statement for many locks the rows in the order of its arrays, so that two hosts that write the same sessions do
 * not deadlock: `INSERT` by nature, the others as long as the server reads the arrays row by row, and for each of them
 * the index. To lock the rows first, by a `SELECT ... FOR UPDATE`, took a third longer.
 */
export class SessionTable {
  /** As it stands in SQL, quoted. */
  readonly name: string;
  /** The parameters that this takes: token. Returns token, data as they are, expiry as text. */
  readonly find: RecordStatement;
  /** The same, but data as base64, for data that is no UTF-8: the driver decodes all that it reads as such. */
  readonly findBase64: RecordStatement;
  /** token, data, expiry. */
  readonly commit: RecordStatement;
  /** token, data, expiry. Returns the tokens of those that had no live record. */
  readonly insert: RecordStatement;
  /** token, previous, data, expiry. Returns the tokens of those whose live record had the data `previous`. */
  readonly update: RecordStatement;
  /** token, expiry. Returns the tokens of those that had a live record. */
  readonly touch: RecordStatement;
  /** token. */
  readonly delete: RecordStatement;
  /** cursor, limit of rows, limit of bytes. Returns token, data as base64, expiry as text of the next live records. */
  readonly page: Statement;
  /** cursor. Returns the token of the next live record. */
  readonly nextToken: Statement;
  /** Expiry from which to go on, limit of rows. Returns how many it removed, and the last expiry as text. */
  readonly deleteExpired: Statement;
  /** Returns names and types of the three columns, and the types' OIDs; of a domain, that of the type that it is based on. */
  readonly columnTypes: Statement;

  /**
   * @throws TypeError if `schema` or `table` is no string.
   * @throws RangeError if PostgreSQL takes no schema or table of this name.
   */
  constructor(
    { schema, table }: { schema: string | undefined; table: string },
    clock: "the database's" | "the app's",
  ) {
    assertName("table", table);
    if (schema !== undefined) assertName("schema", schema);
    const t = schema === undefined ? quote(table) : `${quote(schema)}.${quote(table)}`;
    this.name = t;
    const isApps = clock === "the app's";
    const readAt = (parameter: number): string => (isApps ? `$${parameter}::timestamptz` : "now()");
    const writeAt = (parameter: number): string =>
      isApps ? `$${parameter}::timestamptz` : "clock_timestamp()";
    const overwrite = "ON CONFLICT (token) DO UPDATE SET data = excluded.data, expiry = excluded.expiry";
    const epoch = "extract(epoch from expiry)::text";
    const unnestRecords = "unnest($1::text[], $2::bytea[], $3::timestamptz[])";

    const finding = (data: string): RecordStatement => ({
      one: statement(
        `SELECT token, ${data}, ${epoch} FROM ${t} WHERE token = $1::text AND ${readAt(2)} < expiry`,
      ),
      many: statement(
        `SELECT token, ${data}, ${epoch} FROM ${t} WHERE token = ANY($1::text[]) AND ${readAt(2)} < expiry`,
      ),
    });
    this.find = finding("data");
    this.findBase64 = finding("encode(data, 'base64')");
    this.commit = {
      one: statement(
        `INSERT INTO ${t} (token, data, expiry) VALUES ($1::text, $2::bytea, $3::timestamptz) ${overwrite}`,
      ),
      many: statement(`INSERT INTO ${t} (token, data, expiry) SELECT * FROM ${unnestRecords} ${overwrite}`),
    };
    const unlessLive = `${overwrite} WHERE ${t}.expiry <= ${writeAt(4)} RETURNING token`;
    this.insert = {
      one: statement(
        `INSERT INTO ${t} (token, data, expiry) VALUES ($1::text, $2::bytea, $3::timestamptz) ${unlessLive}`,
      ),
      many: statement(`INSERT INTO ${t} (token, data, expiry) SELECT * FROM ${unnestRecords} ${unlessLive}`),
    };
    // The planner, which cannot look into the limits, takes the changes for one or two, and so finds each one's row by
    // the index, in their order, instead of reading the table, of whatever size it is (of more than a page or two).
    const inOrder = (changes: string): string =>
      `(SELECT * FROM (SELECT * FROM ${changes} LIMIT (SELECT 1000000)) few LIMIT (SELECT 1000000)) change`;
    this.update = {
      one: statement(
        `UPDATE ${t} SET data = $3::bytea, expiry = $4::timestamptz WHERE token = $1::text AND data = $2::bytea AND ${writeAt(5)} < expiry RETURNING token`,
      ),
      many: statement(
        `UPDATE ${t} s SET data = change.data, expiry = change.expiry
        FROM ${inOrder("unnest($1::text[], $2::bytea[], $3::bytea[], $4::timestamptz[]) AS given(token, previous, data, expiry)")}
        WHERE s.token = change.token AND s.data = change.previous AND ${writeAt(5)} < s.expiry RETURNING s.token`,
      ),
    };
    this.touch = {
      one: statement(
        `UPDATE ${t} SET expiry = $2::timestamptz WHERE token = $1::text AND ${writeAt(3)} < expiry RETURNING token`,
      ),
      many: statement(
        `UPDATE ${t} s SET expiry = change.expiry
        FROM ${inOrder("unnest($1::text[], $2::timestamptz[]) AS given(token, expiry)")}
        WHERE s.token = change.token AND ${writeAt(3)} < s.expiry RETURNING s.token`,
      ),
    };
    this.delete = {
      one: statement(`DELETE FROM ${t} WHERE token = $1::text`),
      many: statement(
        `DELETE FROM ${t} s USING ${inOrder("unnest($1::text[]) AS given(token)")} WHERE s.token = change.token`,
      ),
    };
    this.page = statement(
      `SELECT token, encode(data, 'base64'), ${epoch} FROM
        (SELECT *, sum(octet_length(data)) OVER (ORDER BY token ROWS UNBOUNDED PRECEDING) - octet_length(data) AS bytes_before FROM
          (SELECT token, data, expiry FROM ${t} WHERE token > $1::text AND ${readAt(4)} < expiry ORDER BY token LIMIT $2::int) next) page
      WHERE bytes_before < $3::int ORDER BY token`,
    );
    this.nextToken = statement(
      `SELECT token FROM ${t} WHERE token > $1::text AND ${readAt(2)} < expiry ORDER BY token LIMIT 1`,
    );
    this.columnTypes = {
      name: "", // once in the life of a store
      text: `SELECT attname::text, format_type(atttypid, NULL), CASE typtype WHEN 'd' THEN typbasetype ELSE atttypid END::text
        FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
        WHERE attrelid = ${literal(t)}::regclass AND attname IN ('token', 'data', 'expiry') AND NOT attisdropped`,
    };
    // The lock is the table's, the letters "scs" before its oid; a transaction's, which PgBouncer keeps together.
    const sweeper = `SELECT pg_try_advisory_xact_lock((7562099::bigint << 32) + ${literal(t)}::regclass::oid::bigint)`;
    this.deleteExpired = statement(
      `WITH expired AS MATERIALIZED (SELECT token FROM ${t} WHERE (${sweeper})
          AND expiry >= $1::timestamptz AND expiry <= ${readAt(3)} ORDER BY expiry LIMIT $2::int FOR UPDATE SKIP LOCKED),
        removed AS (DELETE FROM ${t} WHERE token = ANY(ARRAY(SELECT token FROM expired)) RETURNING expiry)
      SELECT count(*)::text, extract(epoch from max(expiry))::text FROM removed`,
    );
  }
}

/** The same text has the same name on every host, whatever other tables share the connections. */
function statement(text: string): Statement {
  return { name: `scs_${createHash("sha256").update(text).digest("base64url").slice(0, 24)}`, text };
}

export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** Returns a string in SQL, whatever `standard_conforming_strings` and `backslash_quote` say. */
export function literal(text: string): string {
  return ` E'${text.replaceAll("\\", "\\\\").replaceAll("'", "''")}'`;
}

function assertName(option: string, name: unknown): asserts name is string {
  if (typeof name !== "string") throw new TypeError(`${option} must be a string, got ${typeof name}`);
  if (
    name === "" ||
    name.includes("\0") ||
    !name.isWellFormed() ||
    Buffer.byteLength(name) > MAX_NAME_BYTES
  ) {
    throw new RangeError(
      `${option} must be a well-formed name of 1 to ${MAX_NAME_BYTES} UTF-8 bytes without NUL`,
    );
  }
}
