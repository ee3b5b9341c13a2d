import { PgStore } from "@scs/pgstore";
import { request, send } from "./child.js";
import type { CleanupFigures, WriterFigures } from "./cleanup.js";
import { makePool } from "./database.js";
import { percentile } from "./statistics.js";

/** A table of so many sessions, half of which have expired, is swept while a writer renews others. */
export interface CleanupRequest {
  url: string;
  sessions: number;
  size: number;
  /** How long the writer is measured alone. */
  aloneMs: number;
}

const { url, sessions, size, aloneMs } = request<CleanupRequest>();
const WRITTEN = 10_000;
const TIMEOUT_MS = 60_000;

const pool = makePool(url);
const store = new PgStore(pool, { cleanupIntervalMs: 0, timeoutMs: TIMEOUT_MS });
await store.createTable();
await pool.query(
  `INSERT INTO sessions SELECT md5(n::text) || n, decode(repeat('61', $2), 'hex'),
    now() + CASE WHEN n % 2 = 0 THEN interval '1 day' ELSE interval '-1 day' END + n * interval '1 ms'
    FROM generate_series(1, $1::int) n`,
  [sessions, size],
);
await pool.query("VACUUM ANALYZE sessions");
const { rows: live } = await pool.query<{ token: string }>(
  "SELECT token FROM sessions WHERE now() < expiry LIMIT $1",
  [WRITTEN],
);

/** Renews sessions one after the other for as long as `isOver` says. */
async function write(isOver: () => boolean): Promise<WriterFigures> {
  const latencies: number[] = [];
  const data = Buffer.alloc(size, "b");
  const expiry = new Date(Date.now() + 86_400_000);
  for (let n = 0; !isOver(); n++) {
    const began = performance.now();
    await store.commit(live[n % live.length]?.token ?? "", data, expiry);
    latencies.push(performance.now() - began);
  }
  return {
    writes: latencies.length,
    p99Ms: percentile(latencies, 0.99),
    longestMs: percentile(latencies, 1),
  };
}

/** Each statement of the sweep is timed where it leaves for the server. */
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
  { cleanupIntervalMs: 0, timeoutMs: TIMEOUT_MS },
);

const alone = performance.now() + aloneMs;
const before = await write(() => performance.now() > alone);
let isOver = false;
const writing = write(() => isOver);
const began = performance.now();
const removed = await sweeper.deleteExpired();
const totalMs = performance.now() - began;
isOver = true;
const beside = await writing;
const expected = Math.ceil(sessions / 2);
const left = Number((await pool.query("SELECT count(*) AS left FROM sessions")).rows[0].left);
if (removed !== expected || left !== sessions - expected)
  throw new Error(`${removed} of ${expected} expired sessions were removed, ${left} sessions are left`);
const vacuumBegan = performance.now();
await pool.query("VACUUM sessions");
const figures: Omit<CleanupFigures, "lockWaits"> = {
  totalMs,
  statements: statements.length,
  longestStatementMs: percentile(statements, 1),
  medianStatementMs: percentile(statements, 0.5),
  before,
  beside,
  vacuumMs: performance.now() - vacuumBegan,
};
await send(figures);
for (const each of [store, sweeper]) await each[Symbol.asyncDispose]();
await pool.end();
process.disconnect?.();
process.exit();
