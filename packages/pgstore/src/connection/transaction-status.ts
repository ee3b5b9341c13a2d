import type { PgClient } from "./pool.js";

/** A client of `pg` before 8.21, without `getTransactionStatus`. */
interface OlderClient extends PgClient {
  connection?: {
    prependListener?(event: "readyForQuery", listener: (message: { status?: string }) => void): unknown;
  };
}

/** The last transaction status reported to clients of older drivers. */
const heard: WeakMap<PgClient, { status: string | undefined }> = new WeakMap();

/**
 * Returns whether a client has an open transaction between two statements. For older drivers, the answer is reliable from
 * the second call; a client that cannot report its status counts as having none.
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
  // Must run before the driver's own listener, which answers the statement.
  client.connection?.prependListener?.("readyForQuery", ({ status }) => {
    last.status = status;
  });
  return undefined;
}
