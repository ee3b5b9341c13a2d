import { StoreError } from "@scs/core";
import type { Connections } from "./connection/connections.js";
import { isConflict, sqlState } from "./connection/driver-error.js";
import { literal, quote } from "./session-table.js";

/** Options of `createTable`. */
export interface CreateTableOptions {
  /**
   * Leaves the table out of the server's log: writes are faster, but after a crash of the server the table is empty,
   * and replicas never have any of it. A table that is there stays what it is. @default false
   */
  unlogged?: boolean;
}

/** Somebody else has created the same in the same moment: by now it is there. */
const RACES: readonly string[] = ["23505", "42P06", "42P07", "42710"];
const MAX_ATTEMPTS = 5;
const NO_SCHEMA =
  "pgstore: the search_path of the connection names no schema that is there; set the option schema";

/**
 * Creates schema, table and index as far as they are not there: who finds them all needs no privilege to create any.
 * Each page of the table is left room for the next versions of its rows, for sessions are written over and over: a
 * quarter more updates, and in the long run a smaller table. In one transaction, under a lock, for all hosts of a fleet start at once.
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
