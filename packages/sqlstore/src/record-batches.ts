import { report, type SessionRecord, StoreError } from "@scs/core";
import type { Batches, Call } from "./call-queue.js";
import { mayConcernOneRecord, resultCode, toStoreError } from "./drivers/driver-error.js";
import type { Handle, Row, Step } from "./drivers/handle.js";
import { retryWhileBusy } from "./drivers/retry.js";
import { fromJulianDay, MAX_JULIAN_DAY, toJulianDay } from "./julian-day.js";
import type { SessionTable } from "./session-table.js";

const NOTHING = async (): Promise<void> => undefined;

/** Carries out calls by as few statements as they take. */
export class RecordBatches implements Batches {
  readonly #handle: Handle;
  readonly #table: SessionTable;
  readonly #now: () => number;
  readonly #busyTimeoutMs: number;
  readonly #onError: (error: StoreError) => void;

  constructor(
    handle: Handle,
    table: SessionTable,
    options: { now: () => number; busyTimeoutMs: number; onError: (error: StoreError) => void },
  ) {
    this.#handle = handle;
    this.#table = table;
    this.#now = options.now;
    this.#busyTimeoutMs = options.busyTimeoutMs;
    this.#onError = options.onError;
  }

  async find(calls: readonly Call[]): Promise<void> {
    const byToken = grouped(calls, ({ token }) => token);
    try {
      const rows = [...byToken.keys()].map((token) => [token]);
      const read = (): Promise<Row[]> => this.#handle.read({ statement: this.#table.find, rows, tail: [] });
      for (const row of await retryWhileBusy(read, this.#busyTimeoutMs)) {
        const record = this.live(row);
        const [first, ...others] = byToken.get(row.token as string) ?? [];
        if (record === undefined) continue;
        for (const call of others)
          call.resolve({ data: record.data.slice(), expiry: new Date(record.expiry) });
        first?.resolve(record);
      }
      for (const call of calls) call.resolve(undefined); // of those that have an answer, nothing comes of it
    } catch (error) {
      await this.#fail(calls, error, (call) => this.find([call]));
    }
  }

  async write(calls: readonly Call[], meanwhile: () => Promise<void> = NOTHING): Promise<void> {
    const byKind = grouped(calls, ({ kind }) => kind);
    const kinds = [...byKind.values()];
    if (this.#handle.hasTransactions) await this.#transact(kinds, meanwhile);
    else for (const ofOneKind of kinds) await this.#transact([ofOneKind], meanwhile);
  }

  /** Gives the record of a row that `find`, `page` or `all` gave, if it is live, and tells onError of damage. */
  live({ data, expiry }: Row): SessionRecord | undefined {
    if (typeof expiry === "number" && expiry <= toJulianDay(this.#now())) return undefined;
    if (typeof expiry !== "number" || !(expiry <= MAX_JULIAN_DAY) || !(data instanceof Uint8Array)) {
      report(
        this.#onError,
        new StoreError(
          "CORRUPT",
          "sqlstore: data or expiry of a session has no readable value; its row is left in place",
        ),
      );
      return undefined;
    }
    // A plain array, of which slice is a copy: a Buffer's shares its bytes.
    return {
      data: new Uint8Array(data.buffer, data.byteOffset, data.length),
      expiry: new Date(fromJulianDay(expiry)),
    };
  }

  /** Carries out all of these calls or none, those of one kind together. */
  async #transact(kinds: readonly (readonly Call[])[], meanwhile: () => Promise<void>): Promise<void> {
    try {
      const write = (): Promise<ReadonlySet<unknown>[]> =>
        this.#handle.write(kinds.map((calls) => this.#step(calls)));
      const written = await retryWhileBusy(write, this.#busyTimeoutMs, meanwhile);
      for (const [index, calls] of kinds.entries()) {
        for (const { kind, token, resolve, reject } of calls) {
          const isWritten = written[index]?.has(token) ?? false;
          if (kind === "commit" && !isWritten) reject(ignored());
          else resolve(kind === "insert" || kind === "update" ? isWritten : undefined);
        }
      }
    } catch (error) {
      await this.#fail(kinds.flat(), error, (call) => this.write([call]));
    }
  }

  #step(calls: readonly Call[]): Step {
    const kind = calls[0]?.kind as Call["kind"];
    return {
      statement: this.#table[kind],
      rows: calls.map(({ row }) => row),
      tail: kind === "insert" || kind === "update" ? [toJulianDay(this.#now())] : [],
    };
  }

  /** Rejects the calls; or, if one of them can have failed the others, makes each of them alone. */
  async #fail(calls: readonly Call[], error: unknown, retry: (call: Call) => Promise<void>): Promise<void> {
    if (calls.length > 1 && mayConcernOneRecord(error)) {
      for (const call of calls) await retry(call);
      return;
    }
    const failure = toStoreError(error, this.#table.name);
    for (const call of calls) {
      if (
        resultCode(error) === "CORRUPT" &&
        (call.kind === "find" || call.kind === "update") &&
        (await this.#canRead())
      ) {
        // One bad page logs out those whose sessions were on it, loudly, and nobody else.
        report(
          this.#onError,
          new StoreError("CORRUPT", `${failure.message}; a session on a damaged page counts as absent`, {
            cause: error,
          }),
        );
        call.resolve(call.kind === "find" ? undefined : false);
      } else call.reject(failure);
    }
  }

  async #canRead(): Promise<boolean> {
    try {
      await this.#handle.all(this.#table.probe);
      return true;
    } catch {
      return false;
    }
  }
}

function grouped<K>(calls: readonly Call[], keyOf: (call: Call) => K): Map<K, Call[]> {
  const groups = new Map<K, Call[]>();
  for (const call of calls) {
    const group = groups.get(keyOf(call));
    if (group === undefined) groups.set(keyOf(call), [call]);
    else group.push(call);
  }
  return groups;
}

function ignored(): StoreError {
  return new StoreError("INVALID_ARGUMENT", "sqlstore: a trigger of the table ignores the session");
}
