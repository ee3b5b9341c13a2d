import type { IncomingMessage, ServerResponse } from "node:http";
import type { BenchSession } from "./sessions.js";

/**
 * What an acknowledged write survives: `memory` nothing, `process` the death of the process (`kill -9`), `flushed` a
 * power failure as well.
 */
export type Durability = "memory" | "process" | "flushed";

/** `ours` is a store of this repository, `peer` an alternative, `limit` the bare driver or disk without a store. */
export type Role = "ours" | "peer" | "limit";

/** A server that the run starts for the contenders that need it. */
export type ServerName = "postgres" | "redis";

/** Resources of a contender. */
export interface Environment {
  /** An empty directory of its own. The run removes it. */
  directory: string;
  /** URL of an empty database, on the server that the contender needs. */
  url?: string;
  /** Number of sessions. */
  sessions: number;
  /** A clock that the benchmark moves, for stores that accept one. */
  now?: () => number;
}

export type Callback = (error?: unknown, result?: unknown) => void;

/**
 * An open store, driver or peer. In the style `promise`, a call returns a promise. In the style `callback`, a call
 * answers through its callback, as express-session uses its stores; a promise around it would add a cost.
 */
export interface Contender {
  style: "promise" | "callback";
  /** Converts a session into the content that `commit` takes. Not timed. */
  prepare(session: BenchSession): unknown;
  /** Converts a result of `find` back into a session. Not timed. */
  read(found: unknown): BenchSession;
  /** Returns the bytes of a result of `find`, for contenders that store bytes. */
  bytesOf?(found: unknown): Uint8Array;
  /** Returns the expiry of a result of `find`, for contenders that return one. */
  expiryOf?(found: unknown): Date | undefined;

  find(token: string, callback: Callback): unknown;
  commit(token: string, content: unknown, expiry: Date, callback: Callback): unknown;
  delete(token: string, callback: Callback): unknown;
  touch?(token: string, content: unknown, expiry: Date, callback: Callback): unknown;
  /** Whether `touch` answers with a boolean. */
  touchTells?: boolean;
  replace?(token: string, previous: unknown, content: unknown, expiry: Date, callback: Callback): unknown;
  /** Lists all sessions, each as `find` returns it. */
  entries?(): AsyncIterable<unknown> | Promise<Iterable<unknown>>;
  /** Removes expired sessions. Returns their number, or nothing if it does not count. */
  deleteExpired?(): Promise<number | undefined>;
  /** Returns the number of stored sessions, for contenders whose `deleteExpired` does not count. Not timed. */
  count?(): Promise<number>;
  /** Begins or commits a transaction around many writes that are not timed. */
  bulk?(command: "BEGIN" | "COMMIT"): Promise<void>;
  /** Closes everything that was opened. Files may stay. */
  close(): Promise<void>;
}

/** The values in the session of the HTTP application. */
export interface Values {
  user: { id: string; name: string; roles: string[] };
  csrf: string;
  count: number;
}

/** Reads and changes the session of one request, under any middleware. */
export interface SessionAccess {
  get<K extends keyof Values>(key: K): Values[K] | undefined;
  set<K extends keyof Values>(key: K, value: Values[K]): void;
}

/** A session middleware for the HTTP application. */
export interface SessionLayer {
  middleware(req: IncomingMessage, res: ServerResponse, next: () => void): void;
  access(req: IncomingMessage): SessionAccess;
  close(): Promise<void>;
}

/** A contender before it is opened. */
export interface ContenderKind {
  name: string;
  role: Role;
  durability: Durability;
  /** Whether it takes bytes, or encodes objects itself. Ratios compare like with like. */
  takes: "bytes" | "objects";
  /** A remark shown beside its figures. */
  note?: string;
  /** The package whose version is reported. */
  package?: string;
  server?: ServerName;
  /** Opens the contender on existing files or tables. Without it, no store operation is measured. */
  open?(environment: Environment): Promise<Contender>;
  /** Opens the contender below an HTTP application. Without it, no request is measured. */
  openLayer?(environment: Environment): Promise<SessionLayer>;
}

/** A store and the contenders measured beside it. */
export interface Family {
  /** The value of `--store`, and the name of its package and of its file in `families/`. */
  store: string;
  contenders: readonly ContenderKind[];
}
