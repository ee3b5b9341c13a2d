import { Cluster as Cluster6, Redis as Redis6 } from "ioredis";
import { Cluster as Cluster5, Redis as Redis5 } from "ioredis-5";
import { createClient, createClientPool, createCluster, createSentinel } from "redis";
import { createClient as createClient6, createCluster as createCluster6 } from "redis-6";
import { describe, expect, it } from "vitest";
import { type RedisClient, RedisStore } from "../src/index.js";

const nodes = [{ host: "127.0.0.1", port: 1 }];
const cluster = { rootNodes: [{ url: "redis://127.0.0.1:1" }] };

/** Clients that do not connect. The compiler checks their types. */
const accepted: Record<string, () => RedisClient> = {
  "Redis of ioredis 5": () => new Redis5({ lazyConnect: true }),
  "Redis of ioredis 6": () => new Redis6({ lazyConnect: true }),
  "Redis of ioredis 6 with sentinels": () => new Redis6({ lazyConnect: true, sentinels: nodes, name: "m" }),
  "Cluster of ioredis 5": () => new Cluster5(nodes, { lazyConnect: true }),
  "Cluster of ioredis 6": () => new Cluster6(nodes, { lazyConnect: true }),
  "createClient of redis 5": () => createClient(),
  "createClient of redis 5 with RESP3": () => createClient({ RESP: 3 }),
  "createClient of redis 6": () => createClient6(),
  "createCluster of redis 5": () => createCluster(cluster),
  "createCluster of redis 6": () => createCluster6(cluster),
};

/** Common mistakes, and the messages about them. */
const refused: Record<string, readonly [client: () => unknown, message: RegExp]> = {
  nothing: [() => undefined, /got undefined/],
  null: [() => null, /got null/],
  "a URL": [() => "redis://127.0.0.1", /got string/],
  "an object": [() => ({}), /must be a Redis or Cluster of ioredis/],
  "the options of connect-redis": [
    () => ({ client: createClient() }),
    /must be a Redis or Cluster of ioredis/,
  ],
  "a promise of a client": [() => Promise.resolve(createClient()), /await it/],
  "a pool": [() => createClientPool(), /createClientPool: pass one of createClient/],
  "a sentinel of node-redis": [
    () => createSentinel({ name: "m", sentinelRootNodes: nodes }),
    /createSentinel: use ioredis's Redis with `sentinels`/,
  ],
  "a class": [() => Redis6, /got function/],
  "a client of node-redis 3": [
    () => ({ quit() {}, get() {}, getBuffer() {}, multi() {} }),
    /older driver: install redis 5 or 6/,
  ],
  "Valkey GLIDE": [() => ({ customCommand() {} }), /Valkey GLIDE/],
};

describe("RedisStore", () => {
  it.each(Object.keys(accepted))("accepts %s", (name) => {
    const client = accepted[name]?.() as RedisClient;
    expect(() => new RedisStore(client)).not.toThrow();
  });

  it.each(Object.keys(refused))("refuses %s", (name) => {
    const [client, message] = refused[name] as readonly [() => unknown, RegExp];
    expect(() => new RedisStore(client() as RedisClient)).toThrow(
      expect.objectContaining({ name: "TypeError" }),
    );
    expect(() => new RedisStore(client() as RedisClient)).toThrow(message);
  });

  it("removes its listener from the client on disposal", async () => {
    const client = new Redis6({ lazyConnect: true });
    const before = client.listenerCount("end");
    for (let turn = 0; turn < 20; turn++) {
      const store = new RedisStore(client);
      expect(client.listenerCount("end")).toBe(before + 1);
      await store[Symbol.asyncDispose]();
    }
    expect(client.listenerCount("end")).toBe(before);
  });
});

describe("the options of RedisStore", () => {
  const client = createClient();
  const options: readonly (readonly [object, RegExp])[] = [
    [{ ttl: 1 }, /no option "ttl"/],
    [{ keyPrefix: "x" }, /no option "keyPrefix"/],
    [{ timeout: 1 }, /no option "timeout"/],
    [{ prefix: 1 }, /prefix must be a string/],
    [{ prefix: "\ud800" }, /prefix must be a well-formed string/],
    [{ timeoutMs: 0 }, /timeoutMs must be a whole number/],
    [{ waitReplicas: -1 }, /waitReplicas must be a whole number/],
    [{ waitReplicas: 1.5 }, /waitReplicas must be a whole number/],
    [{ now: 1 }, /now must be a function/],
    [{ onError: 1 }, /onError must be a function/],
    [{ cleanupIntervalMs: -1 }, /cleanupIntervalMs must be/],
  ];

  it.each(options)("refuse %j by name", (given, message) => {
    expect(() => new RedisStore(client, given)).toThrow(message);
  });
});
