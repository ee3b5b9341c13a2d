/** An argument of a command. The drivers take strings and buffers alike; a string is sent as UTF-8. */
export type Argument = string | Buffer;

/** A command: its name and its arguments. */
export type Command = readonly [name: string, ...args: Argument[]];

/** A reply of the server. Its errors are values, so that one in a batch hides no other reply. */
export type Reply = Buffer | number | string | null | Error | readonly Reply[];

/** A server of a cluster. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** What a client of a driver reports. */
export interface ClientEvents {
  onReady(): void;
  /** Called with each failed attempt to connect, and each lost connection; without an error where the driver gives none. */
  onError(error?: Error): void;
}

/** A client of a driver that belongs to the store, made with the settings of the app's client. */
export interface OwnClient {
  readonly isReady: boolean;
  /** Begins to connect. The driver then tries again by itself for as long as its settings say. */
  connect(): void;
  /** Sends a command on a client that is ready. Rejects if the server replies with an error, or the connection is lost. */
  send(command: Command): Promise<Reply>;
  /** Sends what `run` sends in one write. */
  together(run: () => void): void;
  /** Closes the connection at once. What waits for a reply is rejected. */
  destroy(): void;
}

/** A client of the app's, of whichever driver. */
export interface Driver {
  /** Why the app's client cannot be used, such as that the app has closed it; `undefined` while it can. */
  readonly unusableBecause: string | undefined;
  /** Makes a client of the store's own, not yet connected. A cluster's needs an address, and {@link Cluster.prepare}. */
  createClient(events: ClientEvents, address?: Address): OwnClient;
  /** Calls back when the app closes its client. Returns a function that takes this back. */
  onClosed(callback: () => void): () => void;
  /** What a client of a cluster has besides. */
  readonly cluster?: Cluster;
}

/** What the app's client knows of a cluster. */
export interface Cluster {
  /** Resolves when the app's client has connected, as far as a node's settings are known. */
  prepare(): Promise<void>;
  /** The servers to ask first for the map of the cluster. */
  seeds(): readonly Address[];
  /** Translates an address that the cluster gives into one that can be reached from here. */
  translate(address: Address): Address;
}

/** Where the app's client has another address for a node than the cluster: a table by `host:port`, or a function. */
export type AddressMap =
  | Readonly<Record<string, Address>>
  | ((address: string) => Address | null | undefined)
  | undefined;

export function translated(map: AddressMap, address: Address): Address {
  const key = `${address.host}:${address.port}`;
  const found = typeof map === "function" ? map(key) : map?.[key];
  return found ? { host: found.host, port: Number(found.port) } : address;
}

interface Emitter {
  on(event: string, listener: () => void): unknown;
  off(event: string, listener: () => void): unknown;
}

/** Listens until the function that it returns is called. */
export function listen(emitter: Emitter, event: string, listener: () => void): () => void {
  emitter.on(event, listener);
  return () => emitter.off(event, listener);
}

/** Resolves when the event comes next. */
export function next(emitter: Emitter, event: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = listen(emitter, event, () => {
      stop();
      resolve();
    });
  });
}
