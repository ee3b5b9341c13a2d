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
  /** Has an effect only with `now`: otherwise the server removes expired keys. @default 300_000 */
  cleanupIntervalMs?: number;
  /** Beginning of every key. No store's prefix may begin with another's. @default "scs:" */
  prefix?: string;
  /** Time limit of a call in ms, from the moment it was made, including all waits; 1 to 2^31 - 1. @default 5_000 */
  timeoutMs?: number;
  /** Number of replicas that must confirm a write before it resolves; 0 to 100. @default 0 */
  waitReplicas?: number;
}

const OPTIONS = ["prefix", "timeoutMs", "waitReplicas", "cleanupIntervalMs", "onError", "now"];
/** Maximum size of a session: far above normal sizes, and below the server's limit of 512 MiB per value. */
const MAX_DATA_BYTES: number = 128 * 2 ** 20;

/**
 * Keeps sessions in Redis or Valkey, one key per session, on one server or a cluster. Opens its own connection at the
 * first call, with the settings of the app's client. Uses the server's clock, unless `now` is set.
 *
 * A write that rejects with `UNAVAILABLE`, because the connection was lost or the answer was late, may still take effect;
 * no driver can know. It is never retried: a late retry could overwrite a newer write.
 */
export class RedisStore extends StoreBase {
  /**
   * @param client A client that the caller closes. The store sends nothing on it.
   * @throws TypeError or RangeError if an option is unknown or out of range, or `client` is not supported.
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
