// Measures what a session takes in each store, its share of the owner's list included: bytes on disk, or on the heap.
//
//     npm run million:capacity [-- 20000]
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { openBoltStore } from "@scs/boltstore";
import { FileStore } from "@scs/filestore";
import { openHybridStore } from "@scs/hybridstore";
import { MemStore } from "@scs/memstore";
import { PgStore } from "@scs/pgstore";
import { openSqlStore } from "@scs/sqlstore";
import pg from "pg";
import { Cluster } from "../../pgstore/test/fixtures/cluster.js";
import { RedisStore } from "../../redisstore/dist/index.js";
import { openClient } from "../../redisstore/test/fixtures/clients.js";
import { RedisServer } from "../../redisstore/test/fixtures/redis-server.js";
import { copyStore } from "../dist/index.js";
import { seed } from "./seed.js";

const count = Number(process.argv[2] ?? 20_000);
const folder = mkdtempSync(join(tmpdir(), "scs-capacity-"));
const source = join(folder, "source.db");
seed(source, count);
const from = await openSqlStore(source, { cleanupIntervalMs: 0, durability: "committed" });
const options = { cleanupIntervalMs: 0, durability: "committed" };
const patience = { busyTimeoutMs: 120_000 };
const onDisk = (path) => Number(execFileSync("du", ["-s", "-B1", path]).toString().split("\t")[0]);
const heap = () => {
  globalThis.gc?.();
  return process.memoryUsage().heapUsed + process.memoryUsage().arrayBuffers;
};
const print = (name, bytes, where) =>
  console.log(`${name}: ${Math.round(bytes / count)} bytes a session ${where}`);

let [records, data] = [0, 0];
for await (const entry of from.entries()) {
  records++;
  data += entry.data.length + entry.token.length;
}
console.log(
  `${count} sessions, ${records} records, ${Math.round(data / count)} bytes of keys and data a session`,
);
for (const [name, open] of [
  ["memstore", async () => new MemStore({ cleanupIntervalMs: 0 })],
  ["hybridstore", () => openHybridStore(join(folder, "hybrid"), options)],
]) {
  const before = heap();
  const store = await open();
  await copyStore(from, store, { extras: "keep" });
  print(name, heap() - before, "in memory");
  await store[Symbol.asyncDispose]();
}
print("hybridstore", onDisk(join(folder, "hybrid")), "on disk");
for (const [name, path, open] of [
  ["boltstore", "bolt", () => openBoltStore(join(folder, "bolt"), { ...options, ...patience })],
  ["sqlstore", "sqlite", () => openSqlStore(join(folder, "sqlite"), { ...options, ...patience })],
  ["filestore", "files", async () => new FileStore(join(folder, "files"), { ...options, ...patience })],
]) {
  const store = await open();
  await copyStore(from, store, { extras: "keep" });
  await store[Symbol.asyncDispose]();
  print(name, onDisk(join(folder, path)), "on disk");
}
const cluster = await Cluster.start();
const pool = new pg.Pool({ connectionString: cluster.url });
const store = new PgStore(pool, { cleanupIntervalMs: 0, timeoutMs: 120_000 });
await store.createTable();
await copyStore(from, store, { extras: "keep" });
const { rows } = await pool.query("SELECT pg_total_relation_size('sessions')::float8 AS bytes");
print("pgstore", rows[0].bytes, "on disk, indexes included");
const server = await RedisServer.start({ appendonly: "yes" });
const { client, close } = await openClient("ioredis 6", server.port);
const memory = async () => Number(/used_memory:(\d+)/.exec(await client.info("memory"))?.[1]);
const empty = await memory();
const redis = new RedisStore(client, { cleanupIntervalMs: 0, timeoutMs: 120_000 });
await copyStore(from, redis, { extras: "keep" });
print("redisstore", (await memory()) - empty, "in the server's memory");
await client.bgrewriteaof();
while (/aof_rewrite_in_progress:1/.test(await client.info("persistence"))) await setTimeout(20);
print("redisstore", onDisk(server.folder), "on disk, as an append-only file that was rewritten");
await redis[Symbol.asyncDispose]();
await close();
await server.stop();
for (const each of [store, from]) await each[Symbol.asyncDispose]();
await pool.end();
await cluster.remove();
rmSync(folder, { recursive: true });
