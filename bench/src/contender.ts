import type { Operation } from "./operation.js";
import type { BenchSession } from "./sessions.js";

/**
 * What a write that was acknowledged survives: `memory` nothing, `process` the death of the process (`kill -9`),
 * `flushed` power failure as well.
 */
export type Durability = "memory" | "process" | "flushed";

/** A server that some contenders need. One is started for them by the run, and is not theirs to end. */
export type ServerName = "postgres" | "redis";

/** What a contender is opened with. */
export interface Environment {
  /** An empty directory of its own. Who began the run removes it. */
  directory: string;
  /** Of the server that the contender asks for: the address of an empty database of its own. */
  url?: string;
  /** How many sessions it will be given at a time. */
  sessions: number;
  /** Of one session, in bytes. */
  size: number;
  /** The clock, for what can be given one: only then will it be moved. */
  now?: () => number;
}

export type Callback = (error?: unknown, result?: unknown) => void;

/**
 * A store, driver or peer, open. With the style `promise` the calls give promises. With the style `callback` they call
 * back, at once or later, as peers are used: a promise around each would be a cost of ours, not of the peer's.
 */
export interface Contender {
  style: "promise" | "callback";
  /** Turns a session into what `commit` takes. Not timed. */
  prepare(session: BenchSession): unknown;
  /** Turns what `find` gave into the session again. Not timed. */
  read(found: unknown): BenchSession;
  /** The bytes of what `find` gave, where `commit` takes bytes. */
  bytesOf?(found: unknown): Uint8Array;
  /** The expiry of what `find` gave, where it tells. */
  expiryOf?(found: unknown): Date | undefined;

  find(token: string, callback: Callback): unknown;
  commit(token: string, content: unknown, expiry: Date, callback: Callback): unknown;
  delete(token: string, callback: Callback): unknown;
  /** Some take from the content the cookie. */
  touch?(token: string, content: unknown, expiry: Date, callback: Callback): unknown;
  /** Whether `touch` tells, by true or false, if there was a session. */
  touchTells?: boolean;
  replace?(token: string, previous: unknown, content: unknown, expiry: Date, callback: Callback): unknown;

  /** All sessions at once. */
  all?(): Promise<unknown>;
  /** Each session of those as `find` would have given it. Not timed. */
  listed?(all: unknown): Iterable<unknown>;
  /** All sessions, one by one, as `find` would have given them. */
  entries?(): AsyncIterable<unknown>;
  /** Removes what has expired, and gives how many that were, or nothing if it does not tell. */
  deleteExpired?(): Promise<number | undefined>;
  /** How many sessions it holds, expired or not. Not timed; asked where `deleteExpired` does not tell. */
  count?(): Promise<number>;
  /** Begins and ends what makes many writes cheap that are not timed, a transaction. */
  bulk?(command: "BEGIN" | "COMMIT"): Promise<void>;
  /** Closes what was opened. Files may stay. */
  close(): Promise<void>;
}

/** A program that makes its own load, and reports what it has reached. */
export interface Program {
  style: "program";
  /** Gives nothing for what it cannot do. */
  run(
    operation: string,
    inFlight: number,
    ms: number,
  ): Promise<{ calls: number; seconds: number } | undefined>;
  close(): Promise<void>;
}

/** Something that can be measured. */
export interface ContenderKind {
  name: string;
  durability: Durability;
  /** What it is given and gives, bytes or objects, or that it makes its own load. */
  takes: "bytes" | "objects" | "nothing";
  /** What one should know to judge its figures. */
  note?: string;
  /** The package whose version is stated. */
  package?: string;
  server?: ServerName;
  /** Whether it has one file for each session. */
  keepsFiles?: boolean;
  /** Whether nothing reads back what it has written, so that it cannot be opened again. */
  isWriteOnly?: boolean;
  /** Of which operations it is measured, if not of all that it has. */
  operations?: readonly Operation[];
  /** Why it cannot be measured here, if so. */
  isMissing?(): string | undefined;
  /** Opens it on what the directory and the database hold: nothing, or what it has left there itself. */
  open(environment: Environment): Promise<Contender | Program>;
}
