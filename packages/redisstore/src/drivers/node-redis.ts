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

/** The members that the store uses of a client of node-redis 5 or 6. */
export interface NodeRedisClient {
  readonly isOpen: boolean;
  readonly isReady: boolean;
  readonly options: object | undefined;
  duplicate(overrides?: object): unknown;
  withTypeMapping(mapping: object): unknown;
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/** The members that the store uses of a cluster of node-redis 5 or 6. */
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

/** Returns bulk strings (type `$` of the protocol, 36 in ASCII) as buffers. */
const TYPE_MAPPING = { 36: Buffer };

/** Settings that differ from the app's client. The store has its own timeout. */
const OWN_SETTINGS = {
  commandOptions: { typeMapping: TYPE_MAPPING, timeout: undefined },
  disableOfflineQueue: true,
  clientSideCache: undefined,
  emitInvalidate: false,
  keyPrefix: undefined,
  readonly: false,
};

/** Creates clients with the settings of an app's client. */
export class NodeRedisDriver implements Driver {
  readonly #client: NodeRedisClient;
  #wasOpen: boolean;

  constructor(client: NodeRedisClient) {
    this.#client = client;
    this.#wasOpen = client.isOpen;
  }

  /** Distinguishes a client that is not connected yet from a closed one. */
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

/** Pauses before a new attempt to reach a node. */
const reconnectStrategy = (attempt: number): number => Math.min(20 * 2 ** attempt, 500);

interface MasterNode extends Address {
  readonly client?: unknown;
}

/** Creates clients with the settings of the nodes of an app's cluster. */
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
    client.unref(); // an idle connection must not keep the app's process alive
    client.on("ready", onReady);
    client.on("error", onError);
    client.on("end", () => onError());
  }

  get isReady(): boolean {
    return this.#client.isReady;
  }

  connect(): void {
    if (!this.#client.isOpen) this.#client.connect().catch(() => undefined); // reported by the event
  }

  send(command: Command): Promise<Reply> {
    return this.#client.sendCommand(command) as Promise<Reply>;
  }

  together(run: () => void): void {
    run(); // the driver combines all commands of one turn of the event loop in one write
  }

  destroy(): void {
    if (this.#client.isOpen) this.#client.destroy();
  }
}
