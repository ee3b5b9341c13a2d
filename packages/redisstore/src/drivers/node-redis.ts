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

/** What the store uses of a client of node-redis 5 and 6. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly options: object | undefined;
  duplicate(overrides?: object): unknown;
  withTypeMapping(mapping: object): unknown;
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/** What the store uses of a cluster of node-redis 5 and 6. */
export interface NodeRedisCluster {
  readonly isOpen: boolean;
  readonly masters: readonly unknown[];
  nodeClient(node: never): unknown;
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

interface Client {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly options?: { socket?: object };
  connect(): Promise<unknown>;
  destroy(): void;
  unref(): void;
  on(event: string, listener: (error: Error) => void): unknown;
  duplicate(overrides: object): unknown;
  sendCommand(args: readonly (string | Buffer)[]): Promise<unknown>;
}

/** Bulk strings, `$` in the protocol, as buffers. */
const TYPE_MAPPING = { 36: Buffer };

/** Settings in which the store's clients differ from the app's. The store bounds the time of its calls itself. */
const OWN_SETTINGS = {
  commandOptions: { typeMapping: TYPE_MAPPING, timeout: undefined },
  disableOfflineQueue: true,
  clientSideCache: undefined,
  emitInvalidate: false,
  keyPrefix: undefined,
  readonly: false,
};

/** Makes clients like one of node-redis. */
export class NodeRedisDriver implements Driver {
  readonly #client: NodeRedisClient;
  #wasOpen: boolean;

  constructor(client: NodeRedisClient) {
    this.#client = client;
    this.#wasOpen = client.isOpen;
  }

  /** A client that is not connected yet is none that the app has closed. */
  get unusableBecause(): string | undefined {
    if (this.#client.isOpen) this.#wasOpen = true;
    else if (this.#wasOpen) return "the app has closed its client";
    return undefined;
  }

  createClient(events: ClientEvents): OwnClient {
    return new OwnNodeRedisClient(this.#client.duplicate(OWN_SETTINGS) as Client, events);
  }

  onClosed(callback: () => void): () => void {
    return listen(this.#client, "end", callback);
  }
}

/** Between attempts to reach a node of a cluster. */
const reconnectStrategy = (attempt: number): number => Math.min(20 * 2 ** attempt, 500);

interface MasterNode extends Address {
  readonly client?: unknown;
}

/** Makes clients like those that a cluster of node-redis has for its nodes. */
export class NodeRedisClusterDriver implements Driver {
  readonly #client: NodeRedisCluster;
  readonly cluster: Cluster;
  #node: Client | undefined;

  constructor(client: NodeRedisCluster) {
    this.#client = client;
    this.cluster = {
      prepare: () => this.#prepare(),
      seeds: () => (client.masters as readonly MasterNode[]).map(({ host, port }) => ({ host, port })),
      translate: (address) => translated(addressMapOf(client), address),
    };
  }

  get unusableBecause(): string | undefined {
    return this.#client.isOpen ? undefined : "the client is not connected; await its connect()";
  }

  createClient(events: ClientEvents, address?: Address): OwnClient {
    const socket = { ...this.#node?.options?.socket, reconnectStrategy, ...address };
    const client = this.#node?.duplicate({ ...OWN_SETTINGS, url: undefined, socket });
    return new OwnNodeRedisClient(client as Client, events);
  }

  onClosed(callback: () => void): () => void {
    return listen(this.#client, "disconnect", callback);
  }

  async #prepare(): Promise<void> {
    if (this.#node !== undefined) return;
    while (this.#client.masters.length === 0) {
      await next(this.#client, "connect");
    }
    this.#node = (await this.#client.nodeClient(this.#client.masters[0] as never)) as Client;
  }
}

function addressMapOf(client: object): AddressMap {
  return (client as { _options?: { nodeAddressMap?: AddressMap } })._options?.nodeAddressMap;
}

class OwnNodeRedisClient implements OwnClient {
  readonly #client: Client;

  constructor(client: Client, { onReady, onError }: ClientEvents) {
    this.#client = client;
    client.unref(); // the app's own work keeps its process alive, not the store's idle connection
    client.on("ready", onReady);
    client.on("error", onError);
    client.on("end", () => onError());
  }

  get isReady(): boolean {
    return this.#client.isReady;
  }

  connect(): void {
    if (!this.#client.isOpen) this.#client.connect().catch(() => undefined); // the event says so too
  }

  send(command: Command): Promise<Reply> {
    return this.#client.sendCommand(command) as Promise<Reply>;
  }

  together(run: () => void): void {
    run(); // the driver sends in one write whatever is asked for in one turn of the event loop
  }

  destroy(): void {
    if (this.#client.isOpen) this.#client.destroy();
  }
}
