import { isToken, type SessionEntry } from "@scs/core";
import type { PgResult } from "./pool.js";
import { fromEpoch } from "./timestamp.js";

const PAGE_ROWS = 500;
const PAGE_BYTES: number = 2 ** 20;

/** Gives the next page of live records behind `cursor`: at most so many rows, and bytes but for the last of them. */
export type ReadPage = (cursor: string, rows: number, bytes: number) => Promise<PgResult>;

/** Walks the live records by the index of their tokens, each page a statement of its own. */
export async function* walk(readPage: ReadPage): AsyncGenerator<SessionEntry, void> {
  for (let cursor = ""; ; ) {
    const { rows } = await readPage(cursor, PAGE_ROWS, PAGE_BYTES);
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
    if (rows.length < PAGE_ROWS && bytes < PAGE_BYTES) return;
  }
}
