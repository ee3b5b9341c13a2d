// Measures the size of a session in each store, on disk or on the heap, including its share of the owner's list.
//
//     npm run million:capacity [-- 20000]
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBoltStore } from "@scs/boltstore";
import { FileStore } from "@scs/filestore";
import { openHybridStore } from "@scs/hybridstore";
import { MemStore } from "@scs/memstore";
import { PgStore } from "@scs/pgstore";
import { openSqlStore } from "@scs/sqlstore";
import pg from "pg";
import { Cluster } from "../../pgstore/test/fixtures/cluster.js";
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
for (const each of [store, from]) await each[Symbol.asyncDispose]();
await pool.end();
await cluster.remove();
rmSync(folder, { recursive: true });
