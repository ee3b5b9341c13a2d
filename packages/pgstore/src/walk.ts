import { isToken, type SessionEntry } from "@scs/core";
import { isDamage } from "./connection/driver-error.js";
import type { PgResult } from "./connection/pool.js";
import { fromEpoch } from "./wire/timestamp.js";

const PAGE_ROWS = 500;
const PAGE_BYTES: number = 2 ** 20;

/** How to read what lies behind a token, in the order of tokens. */
export interface Pages {
  /** Gives the next live records: so many rows at most, and bytes but for the last of them. */
  read(cursor: string, rows: number, bytes: number): Promise<PgResult>;
  /** Gives the token of the next record, which the server cannot read, having told of it. */
  skip?(cursor: string, error: unknown): Promise<PgResult>;
}

/** Walks the live records by the index of their tokens, page by page, and round those that cannot be read. */
export async function* walk(pages: Pages): AsyncGenerator<SessionEntry, void> {
  let cursor = "";
  let limit = PAGE_ROWS;
  for (;;) {
    let rows: unknown[][];
    try {
      ({ rows } = await pages.read(cursor, limit, PAGE_BYTES));
    } catch (error) {
      if (!isDamage(error) || pages.skip === undefined) throw error;
      if (limit > 1) {
        limit = Math.ceil(limit / 2); // until the bad one is alone
        continue;
      }
      const [next] = (await pages.skip(cursor, error)).rows as [string][];
      if (next === undefined) return;
      [cursor] = next;
      continue;
    }
    let bytes = 0;
    for (const [token, base64, epoch] of rows as [string, string, string][]) {
      const data = Buffer.from(base64, "base64");
      bytes += data.length;
      cursor = token;
      // What other programs have written may be no token.
      if (isToken(token)) {
        yield {
          token,
          data: new Uint8Array(data.buffer, data.byteOffset, data.length),
          expiry: new Date(fromEpoch(epoch)),
        };
      }
    }
    if (rows.length < limit && bytes < PAGE_BYTES) return;
    limit = Math.min(2 * limit, PAGE_ROWS);
  }
}
