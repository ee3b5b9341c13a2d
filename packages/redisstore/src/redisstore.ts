import { type StoreOptions, warnOncePerCode } from "@scs/core";
import {
  assertFunction,
  assertKnownOptions,
  assertWholeNumber,
  type Backend,
  StoreBase,
} from "@scs/core/kit";
import { ClusterBackend } from "./cluster/cluster-backend.js";
import { SessionCommands } from "./commands/session-commands.js";
import { Connections } from "./connection/connections.js";
import { type RedisClient, recognize } from "./drivers/recognize.js";
import { ServerBackend } from "./server-backend.js";

/** Options of a redisstore. */
export interface RedisStoreOptions extends StoreOptions {
  /** With `now` only; without it, the server expires by itself. @default 300_000 */
  cleanupIntervalMs?: number;
  /** What the names of the keys begin with. @default "scs:" */
  prefix?: string;
  /** How long a call may take, from the moment it was made, wherever it waits. From 1 to 2^31 - 1. @default 5_000 */
  timeoutMs?: number;
  /** Number of replicas that must have a write before it resolves. From 0 to 100. @default 0 */
  waitReplicas?: number;
}

const OPTIONS = ["prefix", "timeoutMs", "waitReplicas", "cleanupIntervalMs", "onError", "now"];
/** Far more than a session has, and far less than the server takes for one value. */
const MAX_DATA_BYTES: number = 128 * 2 ** 20;

/**
 * Keeps sessions in Redis or Valkey, each under a key of its own, in one server or a cluster. Makes a connection of its
 * own at the first call, with the settings of the app's client. The server's clock decides, unless it is given another.
 *
 * A write that rejects with `UNAVAILABLE` because the connection was lost, or the answer late, may have taken effect,
 * or yet do so. Never repeated: a late repetition could overwrite a newer write.
 */
export class RedisStore extends StoreBase {
  /**
   * @param client It stays the app's: the store sends nothing on it, and does not close it.
   * @throws TypeError or RangeError if an option is unknown or out of range, or `client` is none that the store knows.
   */
  constructor(client: RedisClient, options: RedisStoreOptions = {}) {
    const driver = recognize(client);
    assertKnownOptions("redisstore", options, OPTIONS);
    const {
      cleanupIntervalMs = 300_000,
      prefix = "scs:",
      timeoutMs = 5_000,
      waitReplicas = 0,
      onError = warnOncePerCode(),
      now,
    } = options;
    if (typeof prefix !== "string") throw new TypeError(`prefix must be a string, got ${typeof prefix}`);
    if (!prefix.isWellFormed()) throw new RangeError("prefix must be a well-formed string");
    assertWholeNumber("timeoutMs", timeoutMs, { min: 1 });
    assertWholeNumber("waitReplicas", waitReplicas, { min: 0, max: 100 });
    if (now !== undefined) assertFunction("now", now);
    assertFunction("onError", onError);
    const commands = new SessionCommands({ prefix, now, waitReplicas, timeoutMs, onError });
    const settings = { prefix, timeoutMs, hasClock: now !== undefined };
    const connections = new Connections(driver, timeoutMs);
    const backend: Backend =
      driver.cluster === undefined
        ? new ServerBackend(connections, commands, settings)
        : new ClusterBackend(connections, driver.cluster, commands, settings);
    const base = { name: "redisstore", cleanupIntervalMs, timeoutMs, onError, maxDataBytes: MAX_DATA_BYTES };
    super(backend, now === undefined ? { ...base, hasClock: false } : { ...base, now });
    connections.closeWith(this);
  }
}
