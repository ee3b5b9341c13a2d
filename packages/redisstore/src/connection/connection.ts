import { performance } from "node:perf_hooks";
import { clearTimer, setTimer, type Timer } from "@scs/core/kit";
import type { Address, ClientEvents, Command, Driver, OwnClient, Reply } from "../drivers/driver.js";
import { replyCode } from "../drivers/reply-error.js";

/** Error of a command that was never sent. Its cause, if any, is the reason why there is no connection. */
export class NotSent extends Error {
  override readonly name = "NotSent";
}

const notSent = (cause: Error): NotSent => new NotSent(cause.message, { cause });

/** After this time without a reply, another server of the cluster may have taken over. */
const SILENCE_MS = 500;

interface Waiting {
  resolve(): void;
  reject(error: Error): void;
}

/**
 * A connection of the store to one server, opened at the first use. The driver reopens a lost connection; the store
 * replaces one without a reply for `timeoutMs`.
 */
export class Connection {
  readonly #driver: Driver;
  readonly #address: Address | undefined;
  readonly #timeoutMs: number;
  readonly #onError: ((error: Error) => void) | undefined;
  readonly #waiting: Set<Waiting> = new Set();
  #client: OwnClient | undefined;
  #lastError: Error | undefined;
  /** When the connection was lost, by `performance.now()`. */
  #lostAt: number | undefined;
  /** Number of commands without a reply. */
  #unanswered = 0;
  /** When the server last replied, or got the first unanswered command. */
  #progressAt = 0;
  #watchdog: Timer | undefined;
  #isClosed = false;
  readonly #take = (reply: Reply): Reply => {
    this.#end();
    return reply;
  };

  constructor(
    driver: Driver,
    timeoutMs: number,
    address: Address | undefined,
    onError: ((error: Error) => void) | undefined,
  ) {
    this.#driver = driver;
    this.#address = address;
    this.#timeoutMs = timeoutMs;
    this.#onError = onError;
  }

  get isReady(): boolean {
    return this.#client?.isReady === true && this.#driver.unusableBecause === undefined;
  }

  /** Whether the server has not replied for so long that the others should be asked about it. */
  get isSilent(): boolean {
    return this.#unanswered > 0 && performance.now() - this.#progressAt >= SILENCE_MS;
  }

  /** The error of the last attempt to connect; `undefined` while there is a connection. */
  get lastError(): Error | undefined {
    return this.isReady ? undefined : this.#lastError;
  }

  /**
   * Resolves when commands can be sent. Rejects if the server refuses the connection, for example a wrong password, or
   * cannot be reached within `timeoutMs`.
   */
  ready(): Promise<void> {
    return new Promise((resolve, reject) => {
      const { unusableBecause } = this.#driver;
      if (this.#isClosed || unusableBecause !== undefined) {
        reject(new NotSent(unusableBecause ?? "the connection was closed"));
        return;
      }
      if (this.#client?.isReady) {
        resolve();
        return;
      }
      this.#lostAt ??= performance.now();
      if (this.#lastError !== undefined && performance.now() - this.#lostAt > this.#timeoutMs) {
        reject(notSent(this.#lastError));
      } else this.#waiting.add({ resolve, reject });
      this.#connect();
    });
  }

  /** Sends a command on a ready connection. Resolves with the reply, which may be an error. */
  send(command: Command): Promise<Reply> {
    this.#begin(1);
    return (this.#client as OwnClient).send(command).then(this.#take, this.#take);
  }

  /** Sends commands in one write. Resolves with their replies, which may be errors. */
  sendAll(commands: readonly Command[]): Promise<Reply[]> {
    const client = this.#client as OwnClient;
    this.#begin(commands.length);
    return new Promise((resolve) => {
      const replies: Reply[] = new Array(commands.length);
      let left = commands.length;
      const settle = (index: number, reply: Reply): void => {
        replies[index] = reply;
        this.#end();
        if (--left === 0) resolve(replies);
      };
      client.together(() => {
        for (const [index, command] of commands.entries())
          client.send(command).then(
            (reply) => settle(index, reply),
            (error: Error) => settle(index, error),
          );
      });
    });
  }

  /** Replaces the connection by a new one. */
  reset(): void {
    const client = this.#client;
    this.#client = undefined;
    client?.destroy();
    if (!this.#isClosed && this.#waiting.size > 0) this.#connect();
  }

  close(reason = "the connection was closed"): void {
    this.#isClosed = true;
    clearTimer(this.#watchdog);
    this.reset();
    this.#rejectWaiting(new NotSent(reason));
  }

  #connect(): void {
    if (this.#client === undefined) {
      const events: ClientEvents = {
        onReady: () => {
          if (client === this.#client) this.#becameReady();
        },
        onError: (error) => {
          if (client === this.#client) this.#failed(error);
        },
      };
      const client = this.#driver.createClient(events, this.#address);
      this.#client = client;
    }
    this.#client.connect();
  }

  #becameReady(): void {
    this.#lostAt = undefined;
    this.#lastError = undefined;
    for (const { resolve } of this.#waiting) resolve();
    this.#waiting.clear();
  }

  #failed(given: Error | undefined): void {
    const error = given ?? this.#lastError ?? new Error("the connection was closed");
    this.#lastError = error;
    this.#lostAt ??= performance.now();
    const isRefusal = replyCode(error) !== undefined;
    if (isRefusal || performance.now() - this.#lostAt > this.#timeoutMs) this.#rejectWaiting(notSent(error));
    this.#onError?.(error);
  }

  #rejectWaiting(error: Error): void {
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  #begin(count: number): void {
    if (this.#unanswered === 0) this.#progressAt = performance.now();
    this.#unanswered += count;
    if (this.#watchdog === undefined) this.#watch(Math.min(SILENCE_MS, this.#timeoutMs));
  }

  #end(): void {
    if (--this.#unanswered > 0) this.#progressAt = performance.now();
  }

  /** Watches for a connection without replies, to a frozen or unreachable server, and replaces it. */
  #watch(ms: number): void {
    const self = new WeakRef(this);
    this.#watchdog = setTimer(() => {
      const connection = self.deref();
      if (connection !== undefined) connection.#look();
    }, ms);
    this.#watchdog.unref();
  }

  #look(): void {
    this.#watchdog = undefined;
    if (this.#unanswered === 0) return;
    const silentMs = performance.now() - this.#progressAt;
    if (silentMs < this.#timeoutMs) {
      if (this.isSilent) this.#onError?.(new Error("the server has not replied for a while"));
      this.#watch(Math.min(SILENCE_MS, Math.ceil(this.#timeoutMs - silentMs)));
    } else {
      this.#failed(new Error(`the server has not replied for ${this.#timeoutMs} ms`));
      this.reset();
    }
  }
}
