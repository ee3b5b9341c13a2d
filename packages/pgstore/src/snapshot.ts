import { againOnConflict, type Connections } from "./connection/connections.js";
import type { PgResult } from "./connection/pool.js";
import type { SessionTable } from "./session-table.js";
import { type Pages, walk } from "./walk.js";

/** Reads token and data of all live records as they are at one instant: page by page, in one transaction. */
export function snapshot(
  connections: Connections,
  table: SessionTable,
  now: readonly Buffer[],
): Promise<Map<string, Uint8Array>> {
  return againOnConflict(() => readAll(connections, table, now));
}

async function readAll(
  connections: Connections,
  table: SessionTable,
  now: readonly Buffer[],
): Promise<Map<string, Uint8Array>> {
  const connection = await connections.acquire();
  // Nothing is prepared: a prepared statement that is gone, or of a table that was altered, would end the transaction.
  const run = (text: string, values: (string | Buffer)[] = []): Promise<PgResult> =>
    connections.query(connection, { name: "", text }, values);
  const read: Pages["read"] = (cursor, rows, bytes) =>
    run(table.page.text, [cursor, String(rows), String(bytes), ...now]);
  try {
    const live = new Map<string, Uint8Array>();
    connection.isInTransaction = true;
    await run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    for await (const { token, data } of walk({ read })) live.set(token, data);
    await run("COMMIT");
    connections.release(connection);
    return live;
  } catch (error) {
    connections.release(connection, true); // with its transaction
    throw error;
  }
}
