/** A statement for the driver: the configuration object of `client.query` in `pg`. */
export interface PgQuery {
  /** Name under which the connection keeps the statement prepared. Without a name, nothing is kept. */
  name?: string;
  text: string;
  /** Parameters: a Buffer is sent in PostgreSQL's binary format, a string as text. */
  values?: (string | Buffer)[];
  rowMode: "array";
  /** Whether to return results in PostgreSQL's binary format. */
  binary?: boolean;
  types: { getTypeParser: () => (value: string | Buffer) => unknown };
}

/** The parts of a query's result that the store reads. */
export interface PgResult {
  rows: unknown[][];
  rowCount: number | null;
  fields?: readonly { format?: string }[];
}

/** The parts of a `pg` client that the store uses. */
export interface PgClient {
  /** Calls back with an error or a result. May return a promise instead. */
  query(query: PgQuery, callback: (error: unknown, result?: PgResult) => void): unknown;
  /** Returns the connection to the pool; with an error or `true`, the pool closes it. */
  release(error?: Error | boolean): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  /** Returns `"I"` outside of a transaction. Exists in `pg` from 8.21. */
  getTransactionStatus?(): string | null;
}

/** A `Pool` of `pg`, or an object with the same methods. It belongs to the app: the store never ends it. */
export interface PgPool {
  connect(): Promise<PgClient>;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
}

/** Common mistakes, recognized by a property, and what to pass instead. */
const MISTAKEN: readonly (readonly [property: string, remedy: string])[] = [
  ["getTypeParser", "this is a Client: pass a Pool, because the store needs several connections"],
  ["$client", "this is a Drizzle database: pass db.$client, if that is a Pool"],
  ["$pool", "this is pg-promise's: pass its $pool"],
  ["getExecutor", "this is a Kysely instance: pass the Pool that you gave its dialect"],
  ["raw", "this is a knex instance, which has its own connections: pass a Pool of pg"],
  ["unsafe", "this is postgres.js: pass a Pool of pg"],
  ["Pool", "this is the package pg: pass a Pool, as in new pg.Pool()"],
  ["connectionString", "this is a configuration: pass new pg.Pool(configuration)"],
  ["then", "this is a promise: await it first"],
];

/** Checks the pool. @throws TypeError that says what to pass instead. */
export function assertPool(pool: unknown): asserts pool is PgPool {
  const given = Object(pool) as Partial<PgPool> & { Client?: { prototype?: object } };
  const [, remedy] = MISTAKEN.find(([property]) => property in given) ?? [];
  const { connect, on, removeListener } = given;
  if (
    remedy !== undefined ||
    ![connect, on, removeListener].every((method) => typeof method === "function")
  ) {
    throw new TypeError(
      "pool must be a Pool of pg, or have its methods connect, on and removeListener" +
        (remedy === undefined ? "" : `; ${remedy}`),
    );
  }
  // libpq's clients do not support the binary results and arrays that the store needs.
  if (isNative(given.Client?.prototype))
    throw new TypeError(
      "pool must be a Pool of pg in JavaScript: pg-native has no binary parameters; pass new pg.Pool()",
    );
}

function isNative(prototype: object | undefined): boolean {
  return prototype !== undefined && "isConnected" in prototype && "getTypeParser" in prototype;
}

/** @throws Error if the pool returned a client that the store cannot use. */
export function assertClient(client: unknown): asserts client is PgClient {
  const { query, release, on, removeListener, native } = Object(client) as Partial<PgClient> & {
    native?: unknown;
  };
  if (![query, release, on, removeListener].every((method) => typeof method === "function"))
    throw new Error("the pool returned a client without the methods query, release, on and removeListener");
  if (native !== undefined)
    throw new Error("the pool returned a client of pg-native, which has no binary parameters");
}
