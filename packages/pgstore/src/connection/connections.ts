import { performance } from "node:perf_hooks";
import { clearTimer, setTimer } from "@scs/core/kit";
import type { Statement } from "../session-table.js";
import { isConflict, isStale, isUndone, Timeout, toConnectionError } from "./driver-error.js";
import { assertClient, type PgClient, type PgPool, type PgQuery, type PgResult } from "./pool.js";
import { isInTransaction } from "./transaction-status.js";

/** One of the app's connections while the store has it: until `release`, or until a statement has failed. */
export interface Connection {
  readonly client: PgClient;
  isReleased: boolean;
  /** Whether the store has begun a transaction on it. */
  isInTransaction: boolean;
  /** Whether the pool shall close it: what it has prepared is not what it was. */
  isStale: boolean;
}

interface Request {
  resolve(connection: Connection): void;
  reject(error: unknown): void;
}

/** As it came: the store knows what each column is. */
const AS_IT_CAME = { getTypeParser: () => (value: unknown) => value } as const;
/** Bounds what a pool that never answers is asked for: more than the store uses at once. */
const MAX_ASKED = 8;
/** After this many lost prepared statements, the store stops preparing: a transaction pooler is in between. */
const MAX_STALE = 3;

/** Maximum number of attempts of a statement that loses against other hosts. */
const MAX_ATTEMPTS = 5;

/** Repeats work that the server undid because of other transactions: nothing of it is behind a later write's back. */
export async function againOnConflict<T>(work: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work();
    } catch (error) {
      if (!isConflict(error) || attempt === MAX_ATTEMPTS) throw error;
    }
  }
}

/** While the store has a client, errors between two statements are its own to hear: unheard, they end the process. */
const unheard = (): void => undefined;

/** The app's pool as the store uses it: everything ends within `timeoutMs`. Rejects with the driver's errors. */
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

  /** @param options.assertFirst Makes sure, on the first connection, that the store can work. Asked again if it fails. */
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
   * Takes a connection from the pool, on which `assertFirst` has passed once. Rejects with a StoreError, or what that throws.
   *
   * @param isPatient Whether to wait for as long as it takes: for the queue, whose calls have deadlines of their own.
   */
  async acquire(isPatient = false): Promise<Connection> {
    const connection = await this.acquireUnchecked(isPatient);
    if (this.#isChecked) return connection;
    this.#check ??= this.#assertFirst(connection).then(
      () => {
        this.#isChecked = true;
      },
      (error: unknown) => {
        this.#check = undefined;
        throw error;
      },
    );
    try {
      await this.#check;
      return connection;
    } catch (error) {
      this.release(connection);
      throw error;
    }
  }

  /** Takes a connection from the pool. One that comes when it is wanted no more goes back at once. */
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

  /** Message of the error with which a call ends that was not begun in its time. */
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
   * Carries out one statement. When it fails other than by the server's word that it is undone, or takes longer than
   * `timeoutMs`, or until `deadline` by `performance.now()`, the connection is closed: nobody knows what is still to come on it.
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

  /** Carries out one statement on a connection of its own. */
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
      // The app gave it back in the middle of a transaction: what the store writes would be undone with it.
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
            // An older driver did not tell before. What was written is undone with the app's transaction.
            this.release(connection, true);
            reject(new Error("the app gave the connection back in the midst of a transaction"));
          }
        } else {
          if (!isUndone(error)) this.release(connection, error instanceof Error ? error : true);
          reject(error);
        }
      };
      // Given a callback, the driver makes no promise. With its promises, results outlive the collections of young
      // garbage, which have to move them about; with callbacks they die young (measured).
      const promise = connection.client.query(query, answered) as Promise<PgResult> | undefined;
      promise?.then((result) => answered(undefined, result), answered);
    });
  }
}
