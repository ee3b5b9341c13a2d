import type { StoreOptions } from "@scs/core";
import { assertKnownOptions, assertWholeNumber, StoreBase } from "@scs/core/kit";
import { ServerBackend } from "./server-backend.js";

export interface ServerAddress {
  host?: string;
  port: number;
}

export interface MyStoreOptions extends StoreOptions {
  /** @default 300_000 */
  cleanupIntervalMs?: number;
  /** Separates the sessions of several apps on one server. @default "sessions" */
  namespace?: string;
  /** Timeout of a call in ms, from 1 to 2^31 - 1. @default 5_000 */
  timeoutMs?: number;
}

/**
 * Keeps sessions on a server that all hosts share. Connects at the first call, and again after a lost connection.
 *
 * @throws RangeError or TypeError on construction, if an option is unknown or out of range.
 */
export class MyStore extends StoreBase {
  constructor(address: ServerAddress, options: MyStoreOptions = {}) {
    assertKnownOptions("mystore", options, ["cleanupIntervalMs", "namespace", "timeoutMs", "onError", "now"]);
    const { cleanupIntervalMs = 300_000, namespace = "sessions", timeoutMs = 5_000, now } = options;
    assertWholeNumber("timeoutMs", timeoutMs, { min: 1 });
    const backend = new ServerBackend(address, { namespace, timeoutMs, now });
    // Without `now`, uses the server's clock, so that a host with a wrong clock cannot expire everybody's sessions.
    super(backend, {
      ...options,
      name: "mystore",
      cleanupIntervalMs,
      timeoutMs,
      hasClock: now !== undefined,
    });
  }
}
