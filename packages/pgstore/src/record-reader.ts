import type { SessionRecord } from "@scs/core";
import type { Call } from "@scs/core/kit";
import type { PgResult } from "./connection/pool.js";
import type { RecordStatement, SessionTable } from "./session-table.js";
import { fromEpoch } from "./wire/timestamp.js";

/** The character that a decoder writes for invalid UTF-8. */
const REPLACEMENT = "\ufffd";

/** Executes a statement that finds records. */
type Run = (statement: RecordStatement, isBinary: boolean) => Promise<PgResult>;

/** Reads records by token. Reads data as text while all of it is UTF-8, as JSON is; from the first other on, as base64. */
export class RecordReader {
  readonly #table: SessionTable;
  #isUtf8 = true;
  #averageBytes = 0;

  constructor(table: SessionTable) {
    this.#table = table;
  }

  /** Average size of the records found, in bytes. */
  get averageBytes(): number {
    return this.#averageBytes;
  }

  /** Returns the live record of each call, in their order. */
  async read(calls: readonly Call[], run: Run): Promise<(SessionRecord | undefined)[]> {
    const isRaw = this.#isUtf8;
    const { rows, fields } = await run(isRaw ? this.#table.find : this.#table.findBase64, isRaw);
    const records = new Map<string, SessionRecord>();
    let bytes = 0;
    for (const [token, data, epoch] of rows as [string, string, string][]) {
      if (isRaw && (data.includes(REPLACEMENT) || fields?.[1]?.format === "text")) {
        this.#isUtf8 = false;
        return this.read(calls, run);
      }
      const buffer = Buffer.from(data, isRaw ? "utf8" : "base64");
      bytes += buffer.length;
      // A plain Uint8Array, whose slice is a copy; slice of a Buffer shares its bytes.
      records.set(token, {
        data: new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length),
        expiry: new Date(fromEpoch(epoch)),
      });
    }
    this.#averageBytes = Math.max(this.#averageBytes * 0.9, bytes / calls.length);
    return calls.map(({ token }) => records.get(token));
  }
}
