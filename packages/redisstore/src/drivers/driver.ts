/** An argument of a command. The drivers send strings as UTF-8. */
export type Argument = string | Buffer;

/** A command: its name and its arguments. */
export type Command = readonly [name: string, ...args: Argument[]];

/** A reply of the server. Errors are values, so that an error in a batch hides no other reply. */
export type Reply = Buffer | number | string | null | Error | readonly Reply[];

/** A server of a cluster. */
export interface Address {
  readonly host: string;
  readonly port: number;
}

/** Events of a driver's client. */
export interface ClientEvents {
  onReady(): void;
  /** Called after each failed attempt to connect and each lost connection; with the driver's error, if any. */
  onError(error?: Error): void;
}

/** A client that belongs to the store, created with the settings of the app's client. */
export interface OwnClient {
  readonly isReady: boolean;
  /** Begins to connect. The driver retries as its settings say. */
  connect(): void;
  /** Sends a command on a ready client. Rejects if the server replies with an error, or the connection is lost. */
  send(command: Command): Promise<Reply>;
  /** Combines all commands that `run` sends into one write. */
  together(run: () => void): void;
  /** Closes the connection at once. Commands without a reply reject. */
  destroy(): void;
}

/** The app's client, of any supported driver. */
export interface Driver {
  /** Why the app's client cannot be used, for example because the app has closed it; `undefined` while it can. */
  readonly unusableBecause: string | undefined;
  /** Creates a client for the store, not yet connected. In a cluster, needs an address and an earlier {@link Cluster.prepare}. */
  createClient(events: ClientEvents, address?: Address): OwnClient;
  /** Calls `callback` when the app closes its client. Returns a function that removes the listener. */
  onClosed(callback: () => void): () => void;
  /** The cluster, if the client is one of a cluster. */
  readonly cluster?: Cluster;
}

/** The app's client as a source of information about its cluster. */
export interface Cluster {
  /** Resolves when the app's client knows a node, whose settings the store copies. */
  prepare(): Promise<void>;
  /** Returns the servers to ask for the first map of the cluster. */
  seeds(): readonly Address[];
  /** Translates an address that the cluster reports. Returns an address that this host can reach. */
  translate(address: Address): Address;
}

/** Translates the cluster's addresses of nodes into the app's: a table by `host:port`, or a function. */
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

/** Adds a listener. Returns a function that removes it. */
export function listen(emitter: Emitter, event: string, listener: () => void): () => void {
  emitter.on(event, listener);
  return () => emitter.off(event, listener);
}

/** Resolves at the next such event. */
export function next(emitter: Emitter, event: string): Promise<void> {
  return new Promise((resolve) => {
    const stop = listen(emitter, event, () => {
      stop();
      resolve();
    });
  });
}
