import { performance } from "node:perf_hooks";
import { clearTimer, setTimer } from "@scs/core/kit";
import type { Statement } from "../session-table.js";
import { againOnConflict, isStale, isUndone, Timeout, toConnectionError } from "./driver-error.js";
import { assertClient, type PgClient, type PgPool, type PgQuery, type PgResult } from "./pool.js";
import { isInTransaction } from "./transaction-status.js";

/** A connection of the app's pool in use by the store, until `release` or a failed statement. */
export interface Connection {
  readonly client: PgClient;
  isReleased: boolean;
  /** Whether the store has begun a transaction on it. */
  isInTransaction: boolean;
  /** Whether the pool must close it, because its prepared statements are lost or changed. */
  isStale: boolean;
}

interface Request {
  resolve(connection: Connection): void;
  reject(error: unknown): void;
}

/** Leaves results unparsed: the store knows the type of each column. */
const AS_IT_CAME = { getTypeParser: () => (value: unknown) => value } as const;
/** Maximum number of pending requests to the pool: more than the store uses at once, but bounded if it never answers. */
const MAX_ASKED = 8;
/** After this many lost prepared statements, the store stops preparing: a transaction pooler is in between. */
const MAX_STALE = 3;

/** Listens for errors of a client between two statements. Without a listener, they would end the process. */
const unheard = (): void => undefined;

/** Uses the app's pool with a time limit for everything, `timeoutMs`. Rejects with the driver's errors. */
export class Connections {
  readonly #pool: PgPool;
  readonly #timeoutMs: number;
  #prepares: boolean;
  #staleLeft: number = MAX_STALE;
  #asked = 0;
  readonly #requests: Request[] = [];
  readonly #assertFirst: (connection: Connection) => Promise<void>;
  #check: Promise<void> | undefined;
  #isChecked = false;

  /** @param options.assertFirst Checks on the first connection that the store can work. Repeated after a failure. */
  constructor(
    pool: PgPool,
    options: Readonly<{
      timeoutMs: number;
      prepare: boolean;
      assertFirst: (connection: Connection) => Promise<void>;
    }>,
  ) {
    const { timeoutMs, prepare, assertFirst } = options;
    this.#assertFirst = assertFirst;
    this.#pool = pool;
    this.#timeoutMs = timeoutMs;
    this.#prepares = prepare;
  }

  /**
   * Takes a connection from the pool, after `assertFirst` has passed once. Rejects with a StoreError, or with the error of
   * `assertFirst`.
   *
   * @param isPatient Whether to wait without a limit, for the queue, whose calls have deadlines of their own.
   */
  async acquire(isPatient = false): Promise<Connection> {
    const connection = await this.acquireUnchecked(isPatient);
    if (this.#isChecked) return connection;
    try {
      // The result of a check that began before this call may be outdated: the app may have created the table since.
      await this.#check?.catch(() => undefined);
      if (!this.#isChecked) {
        this.#check ??= this.#checkFirst(connection);
        await this.#check;
      }
      return connection;
    } catch (error) {
      this.release(connection);
      throw error;
    }
  }

  async #checkFirst(connection: Connection): Promise<void> {
    try {
      await this.#assertFirst(connection);
      this.#isChecked = true;
    } finally {
      this.#check = undefined;
    }
  }

  /** Takes a connection from the pool. A connection that arrives too late is returned at once. */
  acquireUnchecked(isPatient = false): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const request: Request = { resolve, reject };
      if (!isPatient) {
        const timer = setTimer(() => {
          this.#requests.splice(this.#requests.indexOf(request), 1);
          reject(new Timeout(this.#exhausted));
        }, this.#timeoutMs);
        request.resolve = (connection) => {
          clearTimer(timer);
          resolve(connection);
        };
        request.reject = (error) => {
          clearTimer(timer);
          reject(error);
        };
      }
      this.#requests.push(request);
      if (this.#asked < MAX_ASKED) this.#ask();
    });
  }

  /** The error message for a call that was not started in time. */
  get lateMessage(): string {
    return this.#requests.length > 0
      ? this.#exhausted
      : `the calls before this one took ${this.#timeoutMs} ms; this one was not started`;
  }

  get #exhausted(): string {
    return `the pool gave no connection within ${this.#timeoutMs} ms; it is exhausted, or the server does not answer`;
  }

  release(connection: Connection, error?: Error | boolean): void {
    if (connection.isReleased) return;
    connection.isReleased = true;
    connection.client.removeListener("error", unheard);
    connection.client.release(error ?? connection.isStale);
  }

  /**
   * Executes one statement. Closes the connection if the statement takes longer than `timeoutMs`, or until `deadline` by
   * `performance.now()`, or fails without proof that the server rolled it back: a late answer could still arrive.
   */
  async query(
    connection: Connection,
    statement: Statement,
    values: (string | Buffer)[],
    isBinary = false,
    deadline: number = performance.now() + this.#timeoutMs,
  ): Promise<PgResult> {
    const query: PgQuery = {
      text: statement.text,
      values,
      rowMode: "array",
      types: AS_IT_CAME,
      binary: isBinary,
    };
    if (this.#prepares && !connection.isStale) query.name = statement.name;
    try {
      return await this.#send(connection, query, deadline);
    } catch (error) {
      if (!isStale(error) || connection.isReleased) throw error;
      if (--this.#staleLeft <= 0) this.#prepares = false;
      connection.isStale = true;
      delete query.name;
      return this.#send(connection, query, deadline);
    }
  }

  /** Executes one statement on a connection from the pool. */
  async run(statement: Statement, values: (string | Buffer)[]): Promise<PgResult> {
    const connection = await this.acquire();
    try {
      return await againOnConflict(() => this.query(connection, statement, values));
    } finally {
      this.release(connection);
    }
  }

  #ask(): void {
    this.#asked++;
    this.#connect()
      .then(
        (client) => this.#give(client),
        (error: unknown) => this.#requests.shift()?.reject(toConnectionError(error)),
      )
      .finally(() => {
        this.#asked--;
        if (this.#requests.length > this.#asked) this.#ask();
      });
  }

  async #connect(): Promise<PgClient> {
    const client: unknown = await this.#pool.connect();
    assertClient(client);
    return client;
  }

  #give(client: PgClient): void {
    const request = this.#requests.shift();
    if (request === undefined) {
      client.release();
      return;
    }
    if (isInTransaction(client)) {
      // The app returned it with an open transaction, whose rollback would undo the store's writes.
      client.release(true);
      this.#requests.unshift(request);
      return;
    }
    client.on("error", unheard);
    request.resolve({ client, isReleased: false, isInTransaction: false, isStale: false });
  }

  #send(connection: Connection, query: PgQuery, deadline: number): Promise<PgResult> {
    return new Promise((resolve, reject) => {
      const timer = setTimer(
        () => {
          const timeout = new Timeout(
            `the server gave no answer within ${this.#timeoutMs} ms; whether a write under way takes effect is unknown`,
          );
          this.release(connection, timeout);
          reject(timeout);
        },
        Math.max(1, deadline - performance.now()),
      );
      const answered = (error: unknown, result?: PgResult): void => {
        clearTimer(timer);
        if (result !== undefined) {
          if (connection.isInTransaction || !isInTransaction(connection.client)) resolve(result);
          else {
            // Older drivers report it only now. Closing the connection rolls back the app's transaction and this write.
            this.release(connection, true);
            reject(new Error("the app returned the connection to the pool with an open transaction"));
          }
        } else {
          if (!isUndone(error)) this.release(connection, error instanceof Error ? error : true);
          reject(error);
        }
      };
      // With a callback, the driver creates no promise. Measured: results held by its promises survive young garbage
      // collections, which then have to move them; with callbacks, they die young.
      const promise = connection.client.query(query, answered) as Promise<PgResult> | undefined;
      promise?.then((result) => answered(undefined, result), answered);
    });
  }
}
