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
  /** Gives `"I"` outside of a transaction; only newer drivers tell. */
  getTransactionStatus?(): string | null;
}

/** A `Pool` of `pg`, or anything of its shape. The app's own: the store never ends it. */
export interface PgPool {
  connect(): Promise<PgClient>;
  on(event: "error", listener: (error: Error) => void): unknown;
  removeListener(event: "error", listener: (error: Error) => void): unknown;
}

/** @throws TypeError unless `pool` has the shape of a pool. */
export function assertPool(pool: unknown): asserts pool is PgPool {
  const { connect, on, removeListener } = (pool ?? {}) as Partial<PgPool>;
  if (![connect, on, removeListener].every((method) => typeof method === "function")) {
    throw new TypeError("pool must be a Pool of pg, or have its methods connect, on and removeListener");
  }
}
