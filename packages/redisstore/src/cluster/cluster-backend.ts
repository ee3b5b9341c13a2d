import { performance } from "node:perf_hooks";
import type { SessionEntry, StoreError } from "@scs/core";
import type { Answer, Backend, Call } from "@scs/core/kit";
import type { SessionCommands } from "../commands/session-commands.js";
import type { Connections } from "../connection/connections.js";
import { toStoreError } from "../connection/store-errors.js";
import type { Cluster } from "../drivers/driver.js";
import { MatchingKeys } from "../scan.js";
import type { ServerBackendOptions } from "../server-backend.js";
import { keySlot } from "./key-slot.js";
import { Router } from "./router.js";
import { keysBySlot } from "./slot-keys.js";

/** Maximum number of calls in flight: all that the queue accepts, so that a node that hangs does not block the others. */
const CONCURRENCY = 200_000;

/** Keeps sessions on a cluster. Sends the calls for each node in batches of their own. */
export class ClusterBackend implements Backend {
  readonly concurrency: number = CONCURRENCY;
  readonly #router: Router;
  readonly #commands: SessionCommands;
  readonly #options: ServerBackendOptions;

  constructor(
    connections: Connections,
    cluster: Cluster,
    commands: SessionCommands,
    options: ServerBackendOptions,
  ) {
    this.#router = new Router(connections, cluster, commands);
    this.#commands = commands;
    this.#options = options;
  }

  execute(call: Call): Promise<Answer> {
    return this.#router.send(keySlot(this.#commands.keyOf(call.token)), {
      isRepeatable: call.kind === "find",
      deadline: call.deadline,
      send: (node, isAsking) => (isAsking ? this.#commands.ask(node.connection, call) : node.run(call)),
    });
  }

  /** Reads all sessions, slot by slot; a slot that is moving is read on both nodes. */
  async *pages(): AsyncGenerator<SessionEntry[], void> {
    const { prefix } = this.#options;
    for await (const { keys } of keysBySlot(this.#router, new MatchingKeys(prefix))) {
      const entries = await Promise.all(
        keys.map(async (key): Promise<SessionEntry | undefined> => {
          const token = key.slice(prefix.length);
          const answer = await this.execute({ kind: "find", token, deadline: this.#deadline() });
          if (answer instanceof Error) throw answer;
          return answer === undefined ? undefined : { token, ...(answer as Omit<SessionEntry, "token">) };
        }),
      );
      yield entries.filter((entry) => entry !== undefined);
    }
  }

  async *removeExpired(isOver: () => boolean): AsyncGenerator<number, void> {
    if (!this.#options.hasClock) return; // the servers remove expired keys themselves
    for await (const { keys, node } of keysBySlot(this.#router, new MatchingKeys(this.#options.prefix))) {
      if (isOver()) return;
      const answers = node?.connection.isReady
        ? await this.#commands.removeExpired(node.connection, keys)
        : [];
      const results = await Promise.all(
        keys.map((key, index) => {
          const answer = answers[index];
          return typeof answer === "boolean" ? answer : this.#removeIfExpired(key);
        }),
      );
      yield results.filter((isRemoved) => isRemoved).length;
    }
  }

  close(): void {
    this.#router.close();
  }

  toStoreError(error: unknown): StoreError {
    return toStoreError(error);
  }

  async #removeIfExpired(key: string): Promise<boolean> {
    const answer = await this.#router.send(keySlot(key), {
      isRepeatable: true,
      deadline: this.#deadline(),
      send: async (node, isAsking) => {
        if (!node.connection.isReady) await node.ready();
        const [isRemoved] = await this.#commands.removeExpired(node.connection, [key], isAsking);
        return isRemoved;
      },
    });
    if (answer instanceof Error) throw answer;
    return answer === true;
  }

  #deadline(): number {
    return performance.now() + this.#options.timeoutMs;
  }
}
