import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import type { Pool } from "pg";
import type { ContenderKind, Environment } from "./contender.js";
import { makePool } from "./database.js";
import { groups } from "./groups.js";
import { onBytes } from "./limits.js";
import { openPgbench } from "./pgbench.js";
import { isInstalled } from "./servers.js";

/** The table of pgstore, and a pool of ten. */
async function openTable({
  url = "",
}: Environment): Promise<{ url: string; pool: Pool; close: () => Promise<void> }> {
  const pool = makePool(url);
  await pool.query(await readFile(fileURLToPath(import.meta.resolve("@scs/pgstore/schema.sql")), "utf8"));
  return { url, pool, close: () => pool.end() };
}

const shared = { durability: "flushed", server: "postgres" } as const;
const BATCH = 32;
/** The object identifiers of the types. */
const [TEXT, BYTEA] = [25, 17];

/** What a store on PostgreSQL can reach, on the driver and beyond it. */
export const postgresLimits: ContenderKind[] = [
  {
    ...shared,
    name: "raw pg",
    takes: "bytes",
    package: "pg",
    note: "named statements, one by one, on a pool of ten",
    open: async (environment) => {
      const { pool, close } = await openTable(environment);
      const run = (name: string, text: string, values: unknown[]) => pool.query({ name, text, values });
      const changed = async (name: string, text: string, values: unknown[]) =>
        (await run(name, text, values)).rowCount === 1;
      return {
        ...onBytes,
        find: async (token) => {
          const text = "SELECT data FROM sessions WHERE token = $1 AND now() < expiry";
          return (await run("find", text, [token])).rows[0]?.data;
        },
        commit: (token, content, expiry) =>
          changed(
            "commit",
            "INSERT INTO sessions VALUES ($1, $2, $3) ON CONFLICT (token) DO UPDATE SET data = excluded.data, expiry = excluded.expiry",
            [token, content, expiry],
          ),
        delete: (token) => changed("delete", "DELETE FROM sessions WHERE token = $1", [token]),
        touch: (token, _content, expiry) =>
          changed("touch", "UPDATE sessions SET expiry = $2 WHERE token = $1 AND now() < expiry", [
            token,
            expiry,
          ]),
        touchTells: true,
        replace: (token, previous, content, expiry) =>
          changed(
            "replace",
            "UPDATE sessions SET data = $3, expiry = $4 WHERE token = $1 AND data = $2 AND now() < expiry",
            [token, previous, content, expiry],
          ),
        close,
      };
    },
  },
  {
    ...shared,
    name: "pg, batched",
    takes: "bytes",
    package: "pg",
    note: `named statements for up to ${BATCH} calls each, arrays sent in binary, one read and one write under way`,
    open: async (environment) => {
      const { pool, close } = await openTable(environment);
      type Find = { token: string; data?: Buffer };
      const find = groups<Find>(async (finds) => {
        const { rows } = await pool.query<[string, Buffer]>({
          name: "find",
          text: "SELECT token, data FROM sessions WHERE token = ANY($1::text[]) AND now() < expiry",
          values: [
            binaryArray(
              TEXT,
              finds.map(({ token }) => Buffer.from(token)),
            ),
          ],
          rowMode: "array",
        } as never);
        const found = new Map(rows);
        for (const each of finds) {
          const data = found.get(each.token);
          if (data !== undefined) each.data = data;
        }
      }, BATCH);
      const commit = groups<{ token: string; content: Buffer; expiry: Date }>(async (commits) => {
        const last = new Map(commits.map((each) => [each.token, each])); // one row is written once by a statement
        const rows = [...last.values()];
        await pool.query({
          name: "commit",
          text: `INSERT INTO sessions SELECT t, d, $3 FROM unnest($1::text[], $2::bytea[]) AS batch (t, d)
            ON CONFLICT (token) DO UPDATE SET data = excluded.data, expiry = excluded.expiry`,
          values: [
            binaryArray(
              TEXT,
              rows.map(({ token }) => Buffer.from(token)),
            ),
            binaryArray(
              BYTEA,
              rows.map(({ content }) => content),
            ),
            rows[0]?.expiry,
          ],
        });
      }, BATCH);
      const remove = groups<string>(async (tokens) => {
        const values = [
          binaryArray(
            TEXT,
            tokens.map((token) => Buffer.from(token)),
          ),
        ];
        await pool.query({
          name: "delete",
          text: "DELETE FROM sessions WHERE token = ANY($1::text[])",
          values,
        });
      }, BATCH);
      return {
        ...onBytes,
        find: async (token) => {
          const each: Find = { token };
          await find(each);
          return each.data;
        },
        commit: (token, content, expiry) => commit({ token, content: content as Buffer, expiry }),
        delete: remove,
        close,
      };
    },
  },
  {
    ...shared,
    name: "pgbench",
    takes: "nothing",
    note: "one prepared statement each, a connection for each in flight; for a second, its log-ins not counted, not warmed up",
    isMissing: () => (isInstalled("pgbench") ? undefined : "no pgbench is installed"),
    open: async (environment) => openPgbench(await openTable(environment), environment),
  },
];

/** The binary form of an array of one dimension, as PostgreSQL reads it; the driver sends a Buffer as it is. */
function binaryArray(type: number, items: readonly Buffer[]): Buffer {
  const array = Buffer.alloc(20 + items.reduce((bytes, { length }) => bytes + 4 + length, 0));
  array.writeInt32BE(1, 0); // dimensions
  array.writeInt32BE(type, 8);
  array.writeInt32BE(items.length, 12);
  array.writeInt32BE(1, 16); // the first index
  let offset = 20;
  for (const item of items) {
    offset = array.writeInt32BE(item.length, offset);
    offset += item.copy(array, offset);
  }
  return array;
}
