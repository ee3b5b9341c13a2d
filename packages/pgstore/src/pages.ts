import { isToken, type SessionEntry } from "@scs/core";
import { isDamage } from "./connection/driver-error.js";
import type { PgResult } from "./connection/pool.js";
import type { SessionTable, Statement } from "./session-table.js";
import { fromEpoch } from "./wire/timestamp.js";

const PAGE_ROWS = 500;
const PAGE_BYTES: number = 2 ** 20;

export interface Pages {
  /** Executes a statement on the table, with the store's clock. */
  run(statement: Statement, ...values: string[]): Promise<PgResult>;
  /** Called with the error of each record that the server cannot read. Without it, such a record rejects the read. */
  onDamage?: (error: unknown) => void;
}

/** Reads the live records page by page, in the order of the token index. Skips records that cannot be read. */
export async function* readPages(
  table: SessionTable,
  { run, onDamage }: Pages,
): AsyncGenerator<SessionEntry[], void> {
  let cursor = "";
  let limit = PAGE_ROWS;
  for (;;) {
    let rows: unknown[][];
    try {
      ({ rows } = await run(table.page, cursor, String(limit), String(PAGE_BYTES)));
    } catch (error) {
      if (!isDamage(error) || onDamage === undefined) throw error;
      if (limit > 1) {
        limit = Math.ceil(limit / 2); // until the damaged record is alone
        continue;
      }
      onDamage(error);
      const [next] = (await run(table.nextToken, cursor)).rows as [string][];
      if (next === undefined) return;
      [cursor] = next;
      continue;
    }
    let bytes = 0;
    const page: SessionEntry[] = [];
    for (const [token, base64, epoch] of rows as [string, string, string][]) {
      const buffer = Buffer.from(base64, "base64");
      bytes += buffer.length;
      cursor = token;
      if (!isToken(token)) continue; // written by another program
      const data = new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length);
      page.push({ token, data, expiry: new Date(fromEpoch(epoch)) });
    }
    yield page;
    if (rows.length < limit && bytes < PAGE_BYTES) return;
    limit = Math.min(2 * limit, PAGE_ROWS);
  }
}
