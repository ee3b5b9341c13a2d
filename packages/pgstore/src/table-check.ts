import { StoreError } from "@scs/core";
import type { Connection, Connections } from "./connection/connections.js";
import type { SessionTable } from "./session-table.js";

/** Supported types by column: OIDs (`pg_type.dat` in PostgreSQL's sources) and names. */
const TYPES: Readonly<Record<string, readonly [oids: readonly string[], names: string]>> = {
  token: [["25", "1043"], "text or character varying"], // `character(n)` pads with blanks, and finds no token again
  data: [["17"], "bytea"],
  expiry: [["1184"], "timestamp with time zone"], // without a zone, the instant would depend on the setting TimeZone
};

/** @throws StoreError `UNAVAILABLE` if a column of the table has a type that the store cannot work with. */
export async function assertTable(
  connections: Connections,
  connection: Connection,
  table: SessionTable,
): Promise<void> {
  const { rows } = await connections.query(connection, table.columnTypes, []);
  for (const [column, type, oid] of rows as [string, string, string][]) {
    const [oids, names] = TYPES[column] ?? [];
    if (oids === undefined || oids.includes(oid)) continue;
    throw new StoreError(
      "UNAVAILABLE",
      `pgstore: column ${column} of table ${table.name} is of type ${type}, and must be ${names}; see schema.sql`,
    );
  }
}
