import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { ContenderKind, Family } from "../../harness/contender.js";
import { makePool } from "../../harness/database.js";
import { load } from "../../harness/packages.js";
import { onBytes } from "../bytes.js";
import { connectRedis } from "../connect-redis.js";
import { expressPeer } from "../express-peer.js";
import { ourStore } from "../our-store.js";
import type { ConnectPgSimple } from "../peer-types.js";

const connectPgSimple = expressPeer({
  name: "connect-pg-simple",
  durability: "flushed",
  package: "connect-pg-simple",
  server: "postgres",
  open: async ({ url }) => {
    const { default: session } = await import("express-session");
    const { default: createStore } = await load<ConnectPgSimple>("connect-pg-simple");
    const pool = makePool(url);
    const store = new (createStore(session))({
      pool,
      createTableIfMissing: true,
      pruneSessionInterval: false, // no cleanup while it is measured
    });
    const rows = async () => (await pool.query("SELECT count(*)::int AS rows FROM session")).rows[0].rows;
    return {
      store: Object.assign(store, {
        length: (done: (error: unknown, count?: number) => void) =>
          void rows().then((count) => done(null, count), done),
      }),
      deleteExpired: (done) => store.pruneSessions(done),
      close: async () => {
        await store.close();
        await pool.end();
      },
    };
  },
});

const rawPg: ContenderKind = {
  name: "raw pg",
  role: "limit",
  takes: "bytes",
  durability: "flushed",
  server: "postgres",
  package: "pg",
  note: "named statements, one by one, on a pool of ten",
  open: async ({ url }) => {
    const pool = makePool(url);
    await pool.query(await readFile(fileURLToPath(import.meta.resolve("@scs/pgstore/schema.sql")), "utf8"));
    const run = (name: string, text: string, ...values: unknown[]) => pool.query({ name, text, values });
    const changed = async (...statement: Parameters<typeof run>) => (await run(...statement)).rowCount === 1;
    return {
      ...onBytes,
      find: async (token) =>
        (await run("find", "SELECT data FROM sessions WHERE token = $1 AND now() < expiry", token)).rows[0]
          ?.data,
      commit: (token, content, expiry) =>
        changed(
          "commit",
          `INSERT INTO sessions VALUES ($1, $2, $3)
            ON CONFLICT (token) DO UPDATE SET data = excluded.data, expiry = excluded.expiry`,
          ...[token, content, expiry],
        ),
      delete: (token) => changed("delete", "DELETE FROM sessions WHERE token = $1", token),
      touch: (token, _content, expiry) =>
        changed(
          "touch",
          "UPDATE sessions SET expiry = $2 WHERE token = $1 AND now() < expiry",
          token,
          expiry,
        ),
      touchTells: true,
      replace: (token, previous, content, expiry) =>
        changed(
          "replace",
          "UPDATE sessions SET data = $3, expiry = $4 WHERE token = $1 AND data = $2 AND now() < expiry",
          ...[token, previous, content, expiry],
        ),
      close: () => pool.end(),
    };
  },
};

export default {
  store: "pgstore",
  contenders: [
    ...ourStore({
      name: "pgstore",
      durability: "flushed",
      package: "@scs/pgstore",
      server: "postgres",
      open: async ({ url }, { cleanupIntervalMs = 0, now }) => {
        const { PgStore } = await import("@scs/pgstore");
        const pool = makePool(url);
        const store = new PgStore(pool, { cleanupIntervalMs, ...(now !== undefined && { now }) });
        await store.createTable();
        return Object.assign(store, {
          [Symbol.asyncDispose]: async () => {
            await PgStore.prototype[Symbol.asyncDispose].call(store);
            await pool.end();
          },
        });
      },
    }),
    connectPgSimple,
    connectRedis,
    rawPg,
  ],
} satisfies Family as Family;
