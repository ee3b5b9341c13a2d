import type { SessionEntry, StoreError } from "@scs/core";
import {
  AGAIN,
  type Answer,
  type Backend,
  type Batch,
  type Call,
  microtasksDone,
  pause,
} from "@scs/core/kit";
import type { SessionCommands } from "./commands/session-commands.js";
import type { Connection } from "./connection/connection.js";
import type { Connections } from "./connection/connections.js";
import { OneATurn } from "./connection/one-a-turn.js";
import { isLost, isTemporary, toStoreError } from "./connection/store-errors.js";
import type { Command, Reply } from "./drivers/driver.js";
import { replyCode } from "./drivers/reply-error.js";
import { entriesOf, MatchingKeys, RecentTokens } from "./scan.js";

/** Number of batches in flight: while the server works on one, the store encodes the next or decodes the last. */
const WORKERS = 2;
/** Minimum number of calls per batch before a second one starts: few calls are not worth two batches. */
const MIN_SHARE = 32;
/** Pause before a retry, in ms: the driver may not have noticed yet that the connection is lost. */
const PAUSE_MS = 20;

export interface ServerBackendOptions {
  prefix: string;
  timeoutMs: number;
  /** Whether the app's clock decides what has expired; the server then expires nothing. */
  hasClock: boolean;
}

/** Keeps sessions on one server. Sends each batch as a few commands in one write. */
export class ServerBackend implements Backend {
  readonly queue: NonNullable<Backend["queue"]>;
  readonly #connections: Connections;
  readonly #connection: Connection;
  readonly #commands: SessionCommands;
  readonly #options: ServerBackendOptions;
  readonly #turns: OneATurn = new OneATurn(MIN_SHARE);
  #inFlight = 0;
  #lastCalls = 0;
  /** The last error after which calls are retried. */
  #trouble: Error | undefined;

  constructor(connections: Connections, commands: SessionCommands, options: ServerBackendOptions) {
    this.#connections = connections;
    this.#connection = connections.create();
    this.#commands = commands;
    this.#options = options;
    this.queue = {
      lanes: [{ workers: WORKERS, minShare: MIN_SHARE }],
      execute: (batch) => this.#execute(batch),
      answerFailure: (_, error) => toStoreError(error),
      lateMessage: (isTaken) => this.#lateMessage(isTaken),
    };
  }

  async *pages(): AsyncGenerator<SessionEntry[], void> {
    const recent = new RecentTokens();
    for await (const keys of this.#scan()) {
      const fresh = recent.takeNew(keys);
      for (const chunk of chunksOf(fresh, PAGE_KEYS))
        yield entriesOf(chunk, this.#options.prefix, this.#commands, await this.#ask(["MGET", ...chunk]));
    }
  }

  async *removeExpired(isOver: () => boolean): AsyncGenerator<number, void> {
    if (!this.#options.hasClock) return; // the server removes expired keys itself
    for await (const keys of this.#scan()) {
      if (isOver()) return;
      if (!this.#connection.isReady) await this.#connection.ready();
      const answers = await this.#commands.removeExpired(this.#connection, keys);
      yield answers.filter((answer) => answer === true).length;
      const error = answers.find((answer) => answer instanceof Error);
      if (error !== undefined) throw error;
    }
  }

  close(): void {
    this.#connections.close();
  }

  toStoreError(error: unknown): StoreError {
    return toStoreError(error);
  }

  async #execute(batch: Batch): Promise<readonly Answer[]> {
    const connection = this.#connection;
    const isLone = this.#inFlight === 0 && this.#lastCalls <= 1; // otherwise, callers that just got answers are about to call again
    if (!isLone) await microtasksDone();
    const free = this.#turns.free();
    if (free !== undefined) await free;
    if (!connection.isReady) await connection.ready();
    const calls = batch.take();
    if (calls.length === 0) return [];
    this.#turns.take(calls.length);
    this.#lastCalls = calls.length;
    this.#inFlight += calls.length;
    let answers: Answer[];
    try {
      answers = await this.#commands.run(connection, calls, true);
    } finally {
      this.#inFlight -= calls.length;
    }
    let isPaused = false;
    for (let index = 0; index < answers.length; index++) {
      const answer = answers[index];
      if (!(answer instanceof Error)) continue;
      answers[index] = this.#afterError(calls[index] as Call, answer);
      isPaused ||= answers[index] === AGAIN;
    }
    if (isPaused) await pause(PAUSE_MS);
    return answers;
  }

  #afterError(call: Call, error: Error): Answer {
    if (call.kind === "find" && isLost(error)) return AGAIN; // a repeated read does no harm
    if (isTemporary(error)) {
      this.#trouble = error;
      return AGAIN;
    }
    if (replyCode(error) === "READONLY") this.#connection.reset(); // a new connection may reach the new primary
    return toStoreError(error);
  }

  #lateMessage(isTaken: boolean): string | undefined {
    const { timeoutMs } = this.#options;
    const { isReady, lastError } = this.#connection;
    if (isTaken) return undefined;
    if (!isReady) {
      const reason = lastError === undefined ? "" : `; the last error: ${toStoreError(lastError).cause}`;
      return `no connection to the server within ${timeoutMs} ms${reason}`;
    }
    if (this.#trouble !== undefined)
      return `not executed within ${timeoutMs} ms; the server says: ${toStoreError(this.#trouble).cause}`;
    return undefined;
  }

  /** Reads the sessions' keys, page by page. May return a key more than once. */
  async *#scan(): AsyncGenerator<string[], void> {
    const matching = new MatchingKeys(this.#options.prefix);
    for (let cursor = "0"; ; ) {
      const reply = await this.#ask(["SCAN", cursor, "MATCH", matching.pattern, "COUNT", String(SCAN_COUNT)]);
      const [next, keys] = reply as [Reply, Reply[]];
      cursor = String(next);
      yield matching.of(keys);
      if (cursor === "0") return;
    }
  }

  /** Sends a command that reads, and retries it. */
  async #ask(command: Command): Promise<Reply> {
    const connection = this.#connection;
    for (let attempt = 1; ; attempt++) {
      if (!connection.isReady) await connection.ready();
      const reply = await connection.send(command);
      if (!(reply instanceof Error)) return reply;
      if (attempt === MAX_ATTEMPTS || !(isLost(reply) || isTemporary(reply))) throw reply;
      await pause(PAUSE_MS);
    }
  }
}

/** Approximate number of keys per SCAN: takes the server less than a millisecond. */
const SCAN_COUNT = 500;
/** Maximum number of records per MGET. */
const PAGE_KEYS = 100;
const MAX_ATTEMPTS = 20;

function* chunksOf<T>(items: readonly T[], size: number): Generator<T[], void> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
