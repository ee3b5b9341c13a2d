import type { Connections } from "./connections.js";
import type { PgResult } from "./pool.js";
import type { SessionTable } from "./session-table.js";
import { type Pages, walk } from "./walk.js";

/** Reads token and data of all live records as they are at one instant: page by page, in one transaction. */
export async function snapshot(
  connections: Connections,
  table: SessionTable,
  now: readonly Buffer[],
): Promise<Map<string, Uint8Array>> {
  const connection = await connections.acquire();
  const run = (text: string): Promise<PgResult> => connections.query(connection, { name: "", text }, []);
  const read: Pages["read"] = (cursor, rows, bytes) =>
    connections.query(connection, table.page, [cursor, String(rows), String(bytes), ...now]);
  try {
    const live = new Map<string, Uint8Array>();
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
