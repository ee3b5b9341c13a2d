import type { Driver } from "./driver.js";
import { type IoredisClient, type IoredisCluster, IoredisClusterDriver, IoredisDriver } from "./ioredis.js";
import {
  type NodeRedisClient,
  type NodeRedisCluster,
  NodeRedisClusterDriver,
  NodeRedisDriver,
} from "./node-redis.js";

/** A client of one server or a cluster, of `ioredis` 5 or 6, or of `redis` (node-redis) 5 or 6. */
export type RedisClient = IoredisClient | IoredisCluster | NodeRedisClient | NodeRedisCluster;

const EXPECTED =
  "redisstore: the client must be a Redis or Cluster of ioredis 5 or 6, or the result of createClient or createCluster of redis 5 or 6";

/**
 * Recognizes the driver of a client by the members that the store uses.
 *
 * @throws TypeError if the client is not supported; the message names common ones.
 */
export function recognize(client: unknown): Driver {
  if (typeof client !== "object" || client === null)
    throw new TypeError(`${EXPECTED}; got ${client === null ? "null" : typeof client}`);
  const has = (...names: string[]): boolean =>
    names.every((name) => typeof (client as Record<string, unknown>)[name] === "function");
  const is = (name: string, type: string): boolean =>
    typeof (client as Record<string, unknown>)[name] === type;
  const { isCluster } = client as { isCluster?: unknown };
  if (has("callBuffer", "duplicate", "on", "off") && is("status", "string") && is("options", "object")) {
    if (isCluster === true) {
      if (has("nodes", "connect")) return new IoredisClusterDriver(client as IoredisCluster);
    } else if (has("disconnect")) {
      if ((client as { options: { monitor?: boolean } }).options.monitor)
        throw new TypeError(
          "redisstore: this client is a monitor; pass the client from which it was created",
        );
      return new IoredisDriver(client as IoredisClient);
    }
  }
  if (
    has("nodeClient", "on", "off") &&
    is("isOpen", "boolean") &&
    Array.isArray((client as { masters?: unknown }).masters)
  )
    return new NodeRedisClusterDriver(client as unknown as NodeRedisCluster);
  if (has("acquire", "getSentinelNode"))
    throw foreign("a client of createSentinel", "use ioredis's Redis with `sentinels`");
  if (
    has("duplicate", "sendCommand", "withTypeMapping", "destroy", "on", "off", "unref") &&
    is("isOpen", "boolean") &&
    is("isReady", "boolean")
  )
    return new NodeRedisDriver(client as NodeRedisClient);
  if (has("execute") && is("idleClients", "number"))
    throw foreign("a pool of createClientPool", "pass one of createClient");
  if (has("quit", "getBuffer", "multi") || (has("quit", "get") && has("v4")))
    throw foreign("a client of an older driver", "install redis 5 or 6, or ioredis 5 or 6");
  if (has("customCommand")) throw foreign("a client of Valkey GLIDE", "use iovalkey's or ioredis's Redis");
  if (is("then", "function")) throw foreign("a promise", "await it");
  throw new TypeError(EXPECTED);
}

function foreign(what: string, remedy: string): TypeError {
  return new TypeError(`${EXPECTED}; this is ${what}: ${remedy}`);
}
