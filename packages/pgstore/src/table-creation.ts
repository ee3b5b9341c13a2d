import { StoreError } from "@scs/core";
import type { Connections } from "./connection/connections.js";
import { isConflict, sqlState } from "./connection/driver-error.js";
import { literal, quote } from "./session-table.js";

/** Options of `createTable`. */
export interface CreateTableOptions {
  /**
   * Whether to create the table as UNLOGGED: writes are faster, but a crash of the server empties the table, and replicas
   * do not get its rows. Does not change an existing table. @default false
   */
  unlogged?: boolean;
}

/** SQLSTATEs of a concurrent creation by another host: the object exists now. */
const RACES: readonly string[] = ["23505", "42P06", "42P07", "42710"];
const MAX_ATTEMPTS = 5;
const NO_SCHEMA =
  "pgstore: the search_path of the connection names no existing schema; set the option schema";

/**
 * Creates schema, table and index if they are missing, in one transaction under a lock, because all hosts of a fleet may
 * start at the same time. If all exist, the user needs no privilege to create them. The fillfactor leaves room in each
 * page for new versions of its rows: a quarter more updates per second and, in the long run, a smaller table.
 */
export async function createTable(
  connections: Connections,
  { schema, table }: { schema: string | undefined; table: string },
  { unlogged = false }: CreateTableOptions,
): Promise<void> {
  const name = schema === undefined ? quote(table) : `${quote(schema)}.${quote(table)}`;
  const found = `to_regclass(${literal(name)})`;
  const script = `BEGIN
    PERFORM pg_advisory_xact_lock(7562099, 0);
    ${schema === undefined ? "" : `IF to_regnamespace(${literal(quote(schema))}) IS NULL THEN CREATE SCHEMA ${quote(schema)}; END IF;`}
    IF ${found} IS NULL THEN
      CREATE ${unlogged ? "UNLOGGED " : ""}TABLE ${name} (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL) WITH (fillfactor = 70);
    END IF;
    IF EXISTS (SELECT FROM pg_class WHERE oid = ${found} AND relkind IN ('r', 'p')) AND NOT EXISTS (SELECT FROM pg_index
        JOIN pg_attribute ON attrelid = indrelid AND attnum = indkey[0] WHERE indrelid = ${found} AND attname = 'expiry') THEN
      CREATE INDEX ON ${name} (expiry);
    END IF;
  END`;
  for (let attempt = 1; ; attempt++) {
    const connection = await connections.acquireUnchecked();
    try {
      await connections.query(connection, { name: "", text: `DO ${literal(script)}` }, []);
      return;
    } catch (error) {
      const code = sqlState(error) ?? "";
      if (code === "3F000") throw new StoreError("UNAVAILABLE", NO_SCHEMA, { cause: error });
      if ((!RACES.includes(code) && !isConflict(error)) || attempt === MAX_ATTEMPTS) throw error;
    } finally {
      connections.release(connection);
    }
  }
}
