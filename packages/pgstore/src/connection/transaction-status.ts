import type { PgClient } from "./pool.js";

/** What a client of `pg` before 8.21 has instead of `getTransactionStatus`. */
interface OlderClient extends PgClient {
  connection?: {
    prependListener?(event: "readyForQuery", listener: (message: { status?: string }) => void): unknown;
  };
}

/** What the server said last to the clients of older drivers. */
const heard: WeakMap<PgClient, { status: string | undefined }> = new WeakMap();

/**
 * Tells whether a transaction is open on a client between two statements. Of an older driver's client this is known from
 * the second call on; a client that does not tell at all has none.
 */
export function isInTransaction(client: PgClient): boolean {
  const status =
    client.getTransactionStatus === undefined ? lastHeard(client) : client.getTransactionStatus();
  return status === "T" || status === "E";
}

function lastHeard(client: OlderClient): string | undefined {
  const known = heard.get(client);
  if (known !== undefined) return known.status;
  const last: { status: string | undefined } = { status: undefined };
  heard.set(client, last);
  // Before the driver's own listener, which answers the statement.
  client.connection?.prependListener?.("readyForQuery", ({ status }) => {
    last.status = status;
  });
  return undefined;
}
