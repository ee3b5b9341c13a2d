import type { Address, Driver } from "../drivers/driver.js";
import { Connection } from "./connection.js";

/** Closes the connections of a store that the app dropped without disposal. */
const dropped = new FinalizationRegistry<Connections>((connections) => connections.close());

/**
 * The connections of a store. Must not refer to the store: open sockets keep everything that they refer to in memory, but
 * a dropped store must be collected.
 */
export class Connections {
  readonly driver: Driver;
  readonly timeoutMs: number;
  readonly #open: Set<Connection> = new Set();
  readonly #stopListening: () => void;

  constructor(driver: Driver, timeoutMs: number) {
    this.driver = driver;
    this.timeoutMs = timeoutMs;
    this.#stopListening = driver.onClosed(() => {
      for (const connection of this.#open) connection.reset();
    });
  }

  /** Creates a connection, which opens at its first use. */
  create(address?: Address, onError?: (error: Error) => void): Connection {
    const connection = new Connection(this.driver, this.timeoutMs, address, onError);
    this.#open.add(connection);
    return connection;
  }

  closeOne(connection: Connection, reason: string): void {
    this.#open.delete(connection);
    connection.close(reason);
  }

  /** Closes all connections when the store is collected. */
  closeWith(store: object): void {
    dropped.register(store, this);
  }

  close(): void {
    this.#stopListening();
    for (const connection of this.#open) connection.close();
    this.#open.clear();
  }
}
