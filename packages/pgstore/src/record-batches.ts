import { report, type SessionRecord, StoreError } from "@scs/core";
import type { Call, Kind } from "./call.js";
import { againOnConflict, type Connection, type Connections } from "./connection/connections.js";
import {
  isDamage,
  isLost,
  isUntranslatable,
  mayConcernOneRecord,
  toStoreError,
} from "./connection/driver-error.js";
import type { PgResult } from "./connection/pool.js";
import type { Batches } from "./lane.js";
import type { RecordStatement, SessionTable } from "./session-table.js";
import { byteaArray, textArray, timestampArray } from "./wire/binary-array.js";
import { fromEpoch, timestamp } from "./wire/timestamp.js";

/** A read that has lost its connection is tried so often. */
const MAX_ATTEMPTS = 5;
/** What a decoder writes for bytes that are no UTF-8. */
const REPLACEMENT = "\ufffd";

type Values = (string | Buffer)[];

/** Carries out each batch by one statement; one that fails, by halves, so that a bad record fails alone. */
export class RecordBatches implements Batches {
  readonly #connections: Connections;
  readonly #table: SessionTable;
  readonly #now: (() => number) | undefined;
  readonly #onError: (error: StoreError) => void;
  /** Whether all data found so far was UTF-8, as JSON is, which the driver reads as it is. */
  #isUtf8 = true;
  #foundBytes = 0;

  constructor(
    connections: Connections,
    table: SessionTable,
    options: { now: (() => number) | undefined; onError: (error: StoreError) => void },
  ) {
    this.#connections = connections;
    this.#table = table;
    this.#now = options.now;
    this.#onError = options.onError;
  }

  async perform(connection: Connection, calls: readonly Call[]): Promise<void> {
    const kind = calls[0]?.kind as Kind;
    // By token, on every host: who waits for a lock holds none that comes after it.
    const sorted = kind === "find" ? calls : calls.toSorted((a, b) => (a.token < b.token ? -1 : 1));
    await (kind === "find" ? this.#find(connection, sorted) : this.#write(connection, kind, sorted));
  }

  fail(calls: readonly Call[], error: unknown): void {
    const failure = toStoreError(error, this.#table.name);
    for (const call of calls) call.reject(failure);
  }

  /** One bad sector logs out one user, loudly, and nobody else. */
  reportDamage(error: unknown): void {
    const message =
      "pgstore: the server cannot read a session, which counts as absent; its row is left in place";
    const { cause } = toStoreError(error, this.#table.name);
    report(this.#onError, new StoreError("CORRUPT", message, { cause }));
  }

  bytesOf(kind: Kind): number {
    return kind === "find" ? this.#foundBytes : 0;
  }

  async #find(connection: Connection, calls: readonly Call[], attempt = 1): Promise<void> {
    try {
      const records = await this.#read(connection, calls);
      for (const call of calls) {
        const record = records.get(call.token);
        call.resolve(record);
        for (const twin of call.twins) {
          twin.resolve(record && { data: record.data.slice(), expiry: new Date(record.expiry) });
        }
      }
    } catch (error) {
      if (isLost(error) && attempt < MAX_ATTEMPTS) await this.#findAnew(calls, attempt + 1);
      else await this.#failed(calls, error, (some) => this.#find(connection, some, attempt));
    }
  }

  /** Reads do no harm if they are repeated. After a restart of the server, the pool may have several dead connections. */
  async #findAnew(calls: readonly Call[], attempt: number): Promise<void> {
    let connection: Connection;
    try {
      connection = await this.#connections.acquire();
    } catch (error) {
      this.fail(calls, error);
      return;
    }
    await this.#find(connection, calls, attempt);
    this.#connections.release(connection);
  }

  async #read(connection: Connection, calls: readonly Call[]): Promise<Map<string, SessionRecord>> {
    const isRaw = this.#isUtf8;
    const { rows, fields } = await this.#run(
      connection,
      isRaw ? this.#table.find : this.#table.findBase64,
      calls,
      isRaw,
    );
    const records = new Map<string, SessionRecord>();
    let bytes = 0;
    for (const [token, data, epoch] of rows as [string, string, string][]) {
      if (isRaw && (data.includes(REPLACEMENT) || fields?.[1]?.format === "text")) {
        this.#isUtf8 = false;
        return this.#read(connection, calls);
      }
      const buffer = Buffer.from(data, isRaw ? "utf8" : "base64");
      bytes += buffer.length;
      // A plain array, of which slice is a copy: a Buffer's shares its bytes.
      records.set(token, {
        data: new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.length),
        expiry: new Date(fromEpoch(epoch)),
      });
    }
    this.#foundBytes = Math.max(this.#foundBytes * 0.9, bytes / calls.length);
    return records;
  }

  async #write(connection: Connection, kind: Kind, calls: readonly Call[]): Promise<void> {
    try {
      const { rows, rowCount } = await this.#run(connection, this.#table[kind], calls);
      const written = new Set(rows.map(([token]) => token));
      for (const call of calls) {
        if (kind === "delete") call.resolve(undefined);
        else if (kind !== "commit") call.resolve(written.has(call.token));
        else if (calls.length === 1 ? rowCount !== 0 : written.has(call.token)) call.resolve(undefined);
        else
          call.reject(
            new StoreError("INVALID_ARGUMENT", "pgstore: a trigger of the table ignores the session"),
          );
      }
    } catch (error) {
      await this.#failed(calls, error, (some) => this.#write(connection, kind, some));
    }
  }

  /** Rejects the calls; or, if one of them can have failed the others, carries them out by halves. */
  async #failed(
    calls: readonly Call[],
    error: unknown,
    retry: (calls: readonly Call[]) => Promise<void>,
  ): Promise<void> {
    const [call] = calls as readonly [Call];
    if (calls.length > 1 && mayConcernOneRecord(error)) {
      const middle = calls.length >> 1;
      await retry(calls.slice(0, middle));
      await retry(calls.slice(middle));
    } else if (isUntranslatable(error) && call.kind !== "commit" && call.kind !== "insert") {
      call.resolve(call.kind === "find" || call.kind === "delete" ? undefined : false);
      for (const twin of call.twins) twin.resolve(undefined);
    } else if (isDamage(error) && (call.kind === "find" || call.kind === "update")) {
      this.reportDamage(error);
      call.resolve(call.kind === "find" ? undefined : false);
      for (const twin of call.twins) twin.resolve(undefined);
    } else this.fail(calls, error);
  }

  #run(
    connection: Connection,
    statement: RecordStatement,
    calls: readonly Call[],
    binary = false,
  ): Promise<PgResult> {
    const isOne = calls.length === 1;
    return againOnConflict(() => {
      const values = isOne ? this.#oneValues(calls[0] as Call) : this.#manyValues(calls);
      return this.#connections.query(connection, isOne ? statement.one : statement.many, values, binary);
    });
  }

  #oneValues({ kind, token, content }: Call): Values {
    const { previous, data, expiry } = content;
    const values: Values = [token];
    if (previous !== undefined) values.push(asBuffer(previous));
    if (data !== undefined) values.push(asBuffer(data));
    if (expiry !== undefined) values.push(timestamp(expiry));
    return this.#withNow(kind, values);
  }

  #manyValues(calls: readonly Call[]): Values {
    const { kind, content } = calls[0] as Call;
    const values: Values = [textArray(calls.map(({ token }) => token))];
    if (content.previous !== undefined)
      values.push(byteaArray(calls.map((call) => call.content.previous as Uint8Array)));
    if (content.data !== undefined)
      values.push(byteaArray(calls.map((call) => call.content.data as Uint8Array)));
    if (content.expiry !== undefined)
      values.push(timestampArray(calls.map((call) => call.content.expiry as number)));
    return this.#withNow(kind, values);
  }

  #withNow(kind: Kind, values: Values): Values {
    if (this.#now !== undefined && kind !== "commit" && kind !== "delete")
      values.push(timestamp(this.#now()));
    return values;
  }
}

function asBuffer(data: Uint8Array): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.length);
}
