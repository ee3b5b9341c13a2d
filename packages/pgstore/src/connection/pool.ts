/** A statement as the store hands it to the driver: the configuration object of `pg`'s `client.query`. */
export interface PgQuery {
  /** Under which name the connection keeps it prepared; without one it is prepared and used at once. */
  name?: string;
  text: string;
  /** A Buffer is sent in PostgreSQL's binary format, a string as text. */
  values?: (string | Buffer)[];
  rowMode: "array";
  /** Whether results are wanted in PostgreSQL's binary format. */
  binary?: boolean;
  types: { getTypeParser: () => (value: string | Buffer) => unknown };
}

/** The result of a query, as far as the store reads it. */
export interface PgResult {
  rows: unknown[][];
  rowCount: number | null;
  fields?: readonly { format?: string }[];
}

/** What the store uses of a client of `pg`'s. */
export interface PgClient {
  /** Calls back, with an error or a result; a client that gives a promise instead will do. */
  query(query: PgQuery, callback: (error: unknown, result?: PgResult) => void): unknown;
  /** With an error, or `true`, the pool closes the connection instead of keeping it. */
  release(error?: Error | boolean): void;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
  /** Returns `"I"` outside of a transaction; `pg` from 8.21 on. */
  getTransactionStatus?(): string | null;
}

/** A `Pool` of `pg`, or anything of its shape. The app's own: the store never ends it. */
export interface PgPool {
  connect(): Promise<PgClient>;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
}

/** What people pass for a pool, recognized by a property, and what to pass instead. */
const MISTAKEN: readonly (readonly [property: string, remedy: string])[] = [
  ["getTypeParser", "this is one Client: pass a Pool, which gives the store several connections"],
  ["$client", "this is Drizzle's: pass its $client, if that is a Pool"],
  ["$pool", "this is pg-promise's: pass its $pool"],
  ["getExecutor", "Kysely keeps its pool to itself: pass the Pool that its dialect was given"],
  ["raw", "knex keeps connections of its own: pass a Pool of pg"],
  ["unsafe", "this is postgres.js: pass a Pool of pg"],
  ["Pool", "this is the package pg: pass a Pool of it"],
  ["connectionString", "this is a configuration: pass a Pool made of it"],
  ["then", "this is a promise: await it first"],
];

/** @throws TypeError if `pool` is no pool that the store works on; the message says what to pass. */
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
  // Of libpq's clients the results and arrays in the binary format that the store relies on are not to be had.
  if (isNative(given.Client?.prototype))
    throw new TypeError(
      "pool must be a Pool of pg in JavaScript: pg-native has no binary parameters; pass new pg.Pool()",
    );
}

function isNative(prototype: object | undefined): boolean {
  return prototype !== undefined && "isConnected" in prototype && "getTypeParser" in prototype;
}

/** @throws Error if the pool gave no client that the store works on. */
export function assertClient(client: unknown): asserts client is PgClient {
  const { query, release, on, removeListener, native } = Object(client) as Partial<PgClient> & {
    native?: unknown;
  };
  if (![query, release, on, removeListener].every((method) => typeof method === "function"))
    throw new Error("the pool gave no client that has the methods query, release, on and removeListener");
  if (native !== undefined)
    throw new Error("the pool gave a client of pg-native, which has no binary parameters");
}
