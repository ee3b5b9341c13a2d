import { createHash } from "node:crypto";
import type { Call } from "@scs/core/kit";

/** The text of a statement, and the name under which connections keep it prepared. */
export interface Statement {
  readonly name: string;
  readonly text: string;
}

/** A statement for one record, with plain parameters, and for many records, with an array for each parameter. */
export interface RecordStatement {
  readonly one: Statement;
  readonly many: Statement;
}

/** Returns the name of a call's statement. A `replace` is an insert or an update. */
export function statementOf(call: Call): "find" | "commit" | "insert" | "update" | "touch" | "delete" {
  if (call.kind !== "replace") return call.kind;
  return call.previous === undefined ? "insert" : "update";
}

/** PostgreSQL truncates longer names, so that two tables could become one. */
const MAX_NAME_BYTES = 63;

/**
 * The SQL of one session table. Only the names of schema and table are part of the text; every value is a parameter. With
 * an app's clock, its time is the last parameter of each statement listed in `usesNow`.
 *
 * Reads use `now()`, one instant for the whole statement. Writes use `clock_timestamp()`: a row may expire while a write
 * waits for its lock, and must not come back.
 *
 * A statement for many records locks rows in the order of its arrays, so that two hosts that write the same sessions do
 * not deadlock. `INSERT` always does; the others do as long as the server reads the arrays row by row, with an index
 * lookup for each. Locking the rows first, with `SELECT ... FOR UPDATE`, took a third longer.
 */
export class SessionTable {
  /** The quoted name, as used in SQL. */
  readonly name: string;
  /** Parameters: token. Returns token, raw data, expiry as text. */
  readonly find: RecordStatement;
  /** Like `find`, but returns data as base64: the driver would damage data that is not UTF-8. */
  readonly findBase64: RecordStatement;
  /** Parameters: token, data, expiry. */
  readonly commit: RecordStatement;
  /** Parameters: token, data, expiry. Returns the tokens that had no live record. */
  readonly insert: RecordStatement;
  /** Parameters: token, previous, data, expiry. Returns the tokens whose live record had the data `previous`. */
  readonly update: RecordStatement;
  /** Parameters: token, expiry. Returns the tokens that had a live record. */
  readonly touch: RecordStatement;
  /** Parameters: token. */
  readonly delete: RecordStatement;
  /** Parameters: cursor, maximum rows, maximum bytes. Returns token, data as base64 and expiry as text of the next live records. */
  readonly page: Statement;
  /** Parameters: cursor. Returns the token of the next live record. */
  readonly nextToken: Statement;
  /** Parameters: first expiry, maximum rows. Returns the number of removed rows, and the last expiry as text. */
  readonly deleteExpired: Statement;
  /** Returns names and types of the three columns, and the OIDs of the types; for a domain, the OID of its base type. */
  readonly columnTypes: Statement;

  /**
   * @throws TypeError if `schema` or `table` is no string.
   * @throws RangeError if PostgreSQL does not accept the name for a schema or table.
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
    // The planner cannot see the limits' values, so it assumes few changes. It then looks each row up by the index, in
    // order, instead of reading the whole table; only for a table of a page or two does it still read the table.
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
      name: "", // used once in the life of a store
      text: `SELECT attname::text, format_type(atttypid, NULL), CASE typtype WHEN 'd' THEN typbasetype ELSE atttypid END::text
        FROM pg_attribute JOIN pg_type ON pg_type.oid = atttypid
        WHERE attrelid = ${literal(t)}::regclass AND attname IN ('token', 'data', 'expiry') AND NOT attisdropped`,
    };
    // One lock per table: the letters "scs", then the table's oid. Held by the transaction, which PgBouncer keeps on one connection.
    const cleanupLock = `SELECT pg_try_advisory_xact_lock((7562099::bigint << 32) + ${literal(t)}::regclass::oid::bigint)`;
    this.deleteExpired = statement(
      `WITH expired AS MATERIALIZED (SELECT token FROM ${t} WHERE (${cleanupLock})
          AND expiry >= $1::timestamptz AND expiry <= ${readAt(3)} ORDER BY expiry LIMIT $2::int FOR UPDATE SKIP LOCKED),
        removed AS (DELETE FROM ${t} WHERE token = ANY(ARRAY(SELECT token FROM expired)) RETURNING expiry)
      SELECT count(*)::text, extract(epoch from max(expiry))::text FROM removed`,
    );
  }
}

/** Names a statement by its text, so that names agree between hosts and differ between tables. */
function statement(text: string): Statement {
  return { name: `scs_${createHash("sha256").update(text).digest("base64url").slice(0, 24)}`, text };
}

export function quote(identifier: string): string {
  return `"${identifier.replaceAll('"', '""')}"`;
}

/** Quotes a string for SQL, for any value of `standard_conforming_strings` and `backslash_quote`. */
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
