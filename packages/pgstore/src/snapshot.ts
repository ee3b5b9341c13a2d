import type { Connections } from "./connection/connections.js";
import type { PgResult } from "./connection/pool.js";
import { readPages } from "./pages.js";
import type { SessionTable } from "./session-table.js";

/** Reads token and data of all live records at one instant: page by page, in one transaction. */
export async function snapshot(
  connections: Connections,
  table: SessionTable,
  now: readonly Buffer[],
): Promise<Map<string, Uint8Array>> {
  const connection = await connections.acquire();
  // Unprepared: a prepared statement that is lost, or outdated because the table was altered, would end the transaction.
  const run = (text: string, values: (string | Buffer)[] = []): Promise<PgResult> =>
    connections.query(connection, { name: "", text }, values);
  try {
    const live = new Map<string, Uint8Array>();
    connection.isInTransaction = true;
    await run("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    const pages = readPages(table, { run: ({ text }, ...values) => run(text, [...values, ...now]) });
    for await (const page of pages) for (const { token, data } of page) live.set(token, data);
    await run("COMMIT");
    connections.release(connection);
    return live;
  } catch (error) {
    connections.release(connection, true); // closing it ends the transaction
    throw error;
  }
}
