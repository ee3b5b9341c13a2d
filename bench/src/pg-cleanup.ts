import { parseArgs } from "node:util";
import { PgStore } from "@scs/pgstore";
import { wholeNumber } from "./options.js";
import { startPostgres } from "./postgres.js";

const { values } = parseArgs({ options: { rows: { type: "string", default: "1000000" } } });
const rows = wholeNumber("rows", values.rows);

/** The server logs who waits for a lock for longer than this. */
const LOCK_WAIT_MS = 50;
const { pool, log, close } = await startPostgres([
  `deadlock_timeout=${LOCK_WAIT_MS}ms`,
  "log_lock_waits=on",
  "max_wal_size=4GB", // checkpoints while it is filled are not what is measured
]);
const store = new PgStore(pool, { cleanupIntervalMs: 0, timeoutMs: 60_000 });
await store.createTable();
await pool.query(
  `INSERT INTO sessions SELECT md5(n::text) || n, decode(repeat('61', 256), 'hex'),
    now() + CASE WHEN n % 2 = 0 THEN interval '1 day' ELSE interval '-1 day' END + n * interval '1 ms'
    FROM generate_series(1, $1::int) n`,
  [rows],
);
await pool.query("VACUUM ANALYZE sessions");
const { rows: live } = await pool.query("SELECT token FROM sessions WHERE now() < expiry LIMIT 10000");

/** Renews sessions one after the other for as long as `isOver` says, and tells how long each took. */
const writer = new PgStore(pool, { cleanupIntervalMs: 0 });
async function write(isOver: () => boolean): Promise<number[]> {
  const latencies: number[] = [];
  const data = Buffer.alloc(256, "b");
  const expiry = new Date(Date.now() + 86_400_000);
  for (let n = 0; !isOver(); n++) {
    const began = performance.now();
    await writer.commit(live[n % live.length].token, data, expiry);
    latencies.push(performance.now() - began);
  }
  return latencies.sort((a, b) => a - b);
}
const show = (latencies: readonly number[]): string =>
  `p99 ${(latencies[Math.floor(latencies.length * 0.99)] ?? 0).toFixed(1)} ms, longest ${(latencies.at(-1) ?? 0).toFixed(1)} ms, of ${latencies.length}`;

const alone = performance.now() + 3000;
const before = await write(() => performance.now() > alone);

// Each statement of the cleanup is timed where it leaves for the server.
const statements: number[] = [];
const sweeper = new PgStore(
  {
    on: (event, listener) => pool.on(event, listener),
    removeListener: (event, listener) => pool.removeListener(event, listener),
    async connect() {
      const client = await pool.connect();
      return {
        release: (error) => client.release(error),
        on: (event, listener) => client.on(event, listener),
        removeListener: (event, listener) => client.removeListener(event, listener),
        async query(query) {
          const began = performance.now();
          const result = await client.query(query);
          statements.push(performance.now() - began);
          return result as unknown as { rows: unknown[][]; rowCount: number | null };
        },
      };
    },
  },
  { cleanupIntervalMs: 0, timeoutMs: 60_000 },
);
let isOver = false;
const writing = write(() => isOver);
const began = performance.now();
const removed = await sweeper.deleteExpired();
const elapsed = performance.now() - began;
isOver = true;
const during = await writing;
const waits = log.join("").match(/still waiting for/g)?.length ?? 0;
statements.sort((a, b) => a - b);
console.log(`${rows} rows, ${removed} removed in ${(elapsed / 1000).toFixed(1)} s by ${statements.length} statements
longest statement        ${(statements.at(-1) ?? 0).toFixed(1)} ms, median ${(statements[statements.length >> 1] ?? 0).toFixed(1)} ms
a writer beside it       ${show(during)}
the same writer before   ${show(before)}
lock waits over ${LOCK_WAIT_MS} ms   ${waits}`);
const plain = performance.now();
await pool.query("VACUUM sessions");
console.log(`VACUUM afterwards        ${((performance.now() - plain) / 1000).toFixed(1)} s`);
for (const each of [store, writer, sweeper]) await each[Symbol.asyncDispose]();
await close();
