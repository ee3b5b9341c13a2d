import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { type FullStore, type SessionEntry, type SessionRecord, StoreError } from "@scs/core";
import type { OpenOptions } from "./check.js";
import { explainEnd } from "./failure-text.js";

/** A request to `store-process.ts`. Carries the time, so that both processes share one clock. */
export interface Request {
  id: number;
  /** The time of the shared clock; `undefined` if the store uses its own. */
  now: number | undefined;
  /** A method of the store, `dispose`, or `next` or `return` of an iteration, whose number is then the first of `args`. */
  method: string;
  args: readonly unknown[];
}

/** A reply. Without `id`, it is an error for `onError`. */
export interface Reply {
  id?: number;
  result?: unknown;
  error?: { code: string | undefined; message: string };
}

interface Pending {
  resolve: (result: unknown) => void;
  reject: (error: Error) => void;
}

/**
 * A store in a process of its own, for checks with two processes on one backend, and for kills. It uses the clock in
 * `options`, which every call transmits; without one, the store uses its own.
 */
export class StoreInProcess implements FullStore {
  readonly #child: ChildProcess;
  readonly #options: OpenOptions;
  readonly #pending: Map<number, Pending> = new Map();
  readonly #ended: Promise<unknown>;
  #lastId = 0;
  #disposing: Promise<void> | undefined;

  /**
   * Starts a process that calls `connect(location, options)`, an export of the JavaScript module `module`, to open the
   * store. `location` identifies the backend, for example by a path or a URL, and is passed as JSON.
   */
  static async open(module: URL | string, location: unknown, options: OpenOptions): Promise<StoreInProcess> {
    const store = new StoreInProcess(module, location, options);
    try {
      await store.#call("ready");
    } catch (error) {
      await store.kill();
      throw error;
    }
    return store;
  }

  private constructor(module: URL | string, location: unknown, options: OpenOptions) {
    this.#options = options;
    const { now, cleanupIntervalMs } = options;
    this.#child = fork(
      fileURLToPath(new URL("./store-process.js", import.meta.url)),
      [String(module), JSON.stringify({ location, now: now?.(), cleanupIntervalMs })],
      { execArgv: [], serialization: "advanced" },
    );
    this.#child.on("message", (reply) => this.#settle(reply as Reply));
    this.#ended = once(this.#child, "exit").then(([code, signal]) => {
      const end = new StoreError(
        "UNAVAILABLE",
        `the process of the store ended with ${explainEnd(code, signal)}`,
      );
      for (const { reject } of this.#pending.values()) reject(end);
      this.#pending.clear();
    });
  }

  /** Kills the process with SIGKILL, and resolves when it has ended. Calls in flight reject. */
  async kill(): Promise<void> {
    this.#child.kill("SIGKILL");
    await this.#ended;
  }

  async find(token: string): Promise<SessionRecord | undefined> {
    return (await this.#call("find", token)) as SessionRecord | undefined;
  }

  async commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    await this.#call("commit", token, data, expiry);
  }

  async delete(token: string): Promise<void> {
    await this.#call("delete", token);
  }

  async replace(
    token: string,
    previous: Uint8Array | undefined,
    data: Uint8Array,
    expiry: Date,
  ): Promise<boolean> {
    return (await this.#call("replace", token, previous, data, expiry)) as boolean;
  }

  async touch(token: string, expiry: Date): Promise<boolean> {
    return (await this.#call("touch", token, expiry)) as boolean;
  }

  async *entries(): AsyncIterableIterator<SessionEntry> {
    const walk = await this.#call("entries");
    try {
      for (;;) {
        const { done, value } = (await this.#call("next", walk)) as IteratorResult<SessionEntry>;
        if (done) return;
        yield value;
      }
    } finally {
      await this.#call("return", walk);
    }
  }

  async all(): Promise<Map<string, Uint8Array>> {
    return (await this.#call("all")) as Map<string, Uint8Array>;
  }

  async deleteExpired(): Promise<number> {
    return (await this.#call("deleteExpired")) as number;
  }

  async stopCleanup(): Promise<void> {
    await this.#call("stopCleanup");
  }

  /** Disposes of the store, if it has a disposal, and ends the process. Does nothing after `kill`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#disposing ??= this.#end();
    await this.#disposing;
  }

  async #end(): Promise<void> {
    if (!this.#child.connected) return;
    await this.#call("dispose");
    this.#child.disconnect();
    await this.#ended;
  }

  #call(method: string, ...args: readonly unknown[]): Promise<unknown> {
    const id = ++this.#lastId;
    const request: Request = { id, now: this.#options.now?.(), method, args };
    return new Promise((resolve, reject) => {
      if (!this.#child.connected) {
        reject(new StoreError("CLOSED", "the process of the store has ended"));
        return;
      }
      this.#pending.set(id, { resolve, reject });
      this.#child.send(request, (error) => {
        if (error) this.#settle({ id, error: { code: "UNAVAILABLE", message: error.message } });
      });
    });
  }

  #settle({ id, result, error }: Reply): void {
    const rejection = error && toError(error);
    if (id === undefined) {
      if (rejection) this.#options.onError(rejection as StoreError);
      return;
    }
    const pending = this.#pending.get(id);
    this.#pending.delete(id);
    if (rejection) pending?.reject(rejection);
    else pending?.resolve(result);
  }
}

function toError({ code, message }: NonNullable<Reply["error"]>): Error {
  return code === undefined ? new Error(message) : new StoreError(code as StoreError["code"], message);
}
