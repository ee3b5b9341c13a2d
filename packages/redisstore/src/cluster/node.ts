import { type Answer, type Batch, BatchQueue, type Call, microtasksDone, withTimeout } from "@scs/core/kit";
import type { SessionCommands } from "../commands/session-commands.js";
import { type Connection, NotSent } from "../connection/connection.js";
import { OneATurn } from "../connection/one-a-turn.js";
import type { Address } from "../drivers/driver.js";

/** Minimum number of calls per batch before another one starts: few calls are not worth two batches. */
const MIN_SHARE = 16;
/** Time without a connection after which the others are asked whether the node is still a primary. */
const DOUBT_MS = 250;

export interface NodeOptions {
  timeoutMs: number;
  /** Refreshes the map of the cluster, and returns whether the node is a primary. */
  isStillPrimary(node: ClusterNode): Promise<boolean>;
}

/** A node of the cluster, and the queue of its calls. */
export class ClusterNode {
  readonly address: Address;
  readonly connection: Connection;
  readonly #commands: SessionCommands;
  readonly #options: NodeOptions;
  readonly #queue: BatchQueue;
  readonly #turns: OneATurn = new OneATurn(MIN_SHARE);

  constructor(address: Address, connection: Connection, commands: SessionCommands, options: NodeOptions) {
    this.address = address;
    this.connection = connection;
    this.#commands = commands;
    this.#options = options;
    this.#queue = new BatchQueue({
      name: "redisstore",
      timeoutMs: options.timeoutMs,
      lanes: [{ workers: 3, minShare: MIN_SHARE }],
      execute: (batch) => this.#execute(batch),
      answerFailure: (_, error) => error as Error, // unconverted: the router checks its code
    });
  }

  /** Executes a call, in a batch with the other calls to the node. Rejects with the driver's error. */
  run(call: Call): Promise<Answer> {
    const { kind, token, previous, data, expiry } = call as Call & {
      previous?: Uint8Array;
      data?: Uint8Array;
      expiry?: number;
    };
    return this.#queue.run(kind, token, previous, data, expiry);
  }

  /** Resolves when commands can be sent. Rejects with {@link NotSent}, also when another node has taken over. */
  async ready(): Promise<void> {
    const { connection } = this;
    const doubt = new Error("no connection yet");
    while (!connection.isReady) {
      try {
        await withTimeout(connection.ready(), DOUBT_MS, () => doubt);
      } catch (error) {
        if (error !== doubt) throw error;
        if (!(await this.#options.isStillPrimary(this)))
          throw new NotSent("another node serves the session's slot");
      }
    }
  }

  /** Closes the queue. The connection must be closed already. */
  close(): void {
    void this.#queue.close();
  }

  async #execute(batch: Batch): Promise<readonly Answer[]> {
    await microtasksDone();
    const free = this.#turns.free();
    if (free !== undefined) await free;
    if (!this.connection.isReady) await this.ready();
    const calls = batch.take();
    this.#turns.take(calls.length);
    return calls.length === 0 ? [] : this.#commands.run(this.connection, calls, false);
  }
}
