import {
  type Address,
  type AddressMap,
  type ClientEvents,
  type Cluster,
  type Command,
  type Driver,
  listen,
  next,
  type OwnClient,
  type Reply,
  translated,
} from "./driver.js";

/** The members that the store uses of a `Redis` of ioredis 5 or 6. */
export interface IoredisClient {
  readonly status: string;
  readonly isCluster: boolean;
  duplicate(override?: object): unknown;
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/** The members that the store uses of a `Cluster` of ioredis 5 or 6. */
export interface IoredisCluster {
  readonly status: string;
  readonly isCluster: boolean;
  readonly options: object;
  nodes(role?: "all" | "master"): readonly unknown[];
  connect(): Promise<unknown>;
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

interface Client {
  readonly status: string;
  readonly stream?: {
    readonly writable?: boolean;
    unref?(): void;
    cork?(): void;
    uncork?(): void;
    destroy?(): void;
  };
  connect(): Promise<unknown>;
  disconnect(): void;
  on(event: string, listener: (error: Error) => void): unknown;
  callBuffer(command: string, ...args: (string | Buffer)[]): Promise<unknown>;
}

/**
 * Settings that differ from the app's client. By default, ioredis resends commands after a reconnection, although they may
 * have taken effect; the store decides itself which to retry.
 */
const OWN_SETTINGS = {
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  lazyConnect: true,
  keyPrefix: "",
  readOnly: false,
  enableAutoPipelining: false,
  commandTimeout: undefined,
  stringNumbers: false,
  monitor: false,
};

const CLOSED = "the app has closed its client";

/** Creates clients with the settings of an app's `Redis`. */
export class IoredisDriver implements Driver {
  readonly #client: IoredisClient;

  constructor(client: IoredisClient) {
    this.#client = client;
  }

  get unusableBecause(): string | undefined {
    return this.#client.status === "end" ? CLOSED : undefined;
  }

  createClient(events: ClientEvents, address?: Address): OwnClient {
    return new OwnIoredisClient(this.#client.duplicate({ ...OWN_SETTINGS, ...address }) as Client, events);
  }

  onClosed(callback: () => void): () => void {
    return listen(this.#client, "end", callback);
  }
}

/** Pauses before a new attempt to reach a node. Overrides the clients of a `Cluster`, which give up at once. */
const retryStrategy = (attempt: number): number => Math.min(20 * 2 ** attempt, 500);

interface Node {
  readonly options: { readonly host?: string; readonly port?: number };
  duplicate(override: object): unknown;
}

/** Creates clients with the settings of the nodes of an app's `Cluster`. */
export class IoredisClusterDriver implements Driver {
  readonly #client: IoredisCluster;
  readonly cluster: Cluster;
  #node: Node | undefined;

  constructor(client: IoredisCluster) {
    this.#client = client;
    this.cluster = {
      prepare: () => this.#prepare(),
      seeds: () => this.#nodes().map(({ options: { host = "127.0.0.1", port = 6379 } }) => ({ host, port })),
      translate: (address) => translated((client.options as { natMap?: AddressMap }).natMap, address),
    };
  }

  get unusableBecause(): string | undefined {
    return this.#client.status === "end" ? CLOSED : undefined;
  }

  createClient(events: ClientEvents, address?: Address): OwnClient {
    return new OwnIoredisClient(
      this.#node?.duplicate({ ...OWN_SETTINGS, retryStrategy, ...address }) as Client,
      events,
    );
  }

  onClosed(callback: () => void): () => void {
    return listen(this.#client, "end", callback);
  }

  #nodes(): readonly Node[] {
    return this.#client.nodes("all") as readonly Node[];
  }

  async #prepare(): Promise<void> {
    if (this.#node !== undefined) return;
    if (this.#client.status === "wait") this.#client.connect().catch(() => undefined);
    [this.#node] = this.#nodes();
    while (this.#node === undefined) {
      await next(this.#client, "ready");
      [this.#node] = this.#nodes();
    }
  }
}

class OwnIoredisClient implements OwnClient {
  readonly #client: Client;

  constructor(client: Client, { onReady, onError }: ClientEvents) {
    this.#client = client;
    client.on("connect", () => client.stream?.unref?.()); // an idle connection must not keep the app's process alive
    client.on("ready", onReady);
    client.on("error", onError);
    client.on("close", () => onError());
  }

  get isReady(): boolean {
    return this.#client.status === "ready" && this.#client.stream?.writable !== false;
  }

  connect(): void {
    if (this.#client.status === "wait" || this.#client.status === "end")
      this.#client.connect().catch(() => undefined); // reported by the event
  }

  send(command: Command): Promise<Reply> {
    return this.#client.callBuffer(...(command as [string])) as Promise<Reply>;
  }

  together(run: () => void): void {
    const { stream } = this.#client;
    stream?.cork?.();
    run();
    stream?.uncork?.();
  }

  destroy(): void {
    this.#client.disconnect();
    this.#client.stream?.destroy?.(); // disconnect() waits for a server that may be frozen
  }
}
