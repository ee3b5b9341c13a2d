import { open } from "node:fs/promises";
import { join } from "node:path";
import { setImmediate } from "node:timers/promises";
import type { Contender } from "./contender.js";
import { makeDirectory, remove } from "./directory.js";
import { startPostgres } from "./postgres.js";

const decoder = new TextDecoder();

/** Drivers as they are, without a store: what those that stand on them can reach. */
export const drivers: Record<string, () => Promise<Contender>> = {
  "raw lmdb": async () => {
    const { open: openDatabase } = await import("lmdb");
    const directory = await makeDirectory();
    const root = openDatabase({ path: join(directory, "raw.mdb"), noSubdir: true });
    const db = root.openDB<Buffer, string>("raw", { encoding: "binary" });
    return {
      style: "promise",
      prepare: (session) => Buffer.from(JSON.stringify(session)),
      parse: (found) => JSON.parse(decoder.decode(found as Uint8Array)),
      find: async (token) => db.getBinary(token),
      commit: async (token, content) => {
        void db.put(token, content as Buffer);
        await db.flushed;
      },
      delete: async (token) => {
        void db.remove(token);
        await db.flushed;
      },
      close: async () => {
        await root.close();
        await remove(directory);
      },
    };
  },
  // What keeps sessions in memory and appends what changes cannot be faster: no checksums, no way back to the sessions.
  "map + synced log": async () => {
    const directory = await makeDirectory();
    const log = await open(join(directory, "log"), "a");
    const sessions = new Map<string, Buffer>();
    let waiting: { bytes: Buffer; resolve: () => void; reject: (error: unknown) => void }[] = [];
    let isUnderWay = false;
    const writeAll = async () => {
      isUnderWay = true;
      await setImmediate();
      while (waiting.length > 0) {
        const batch = waiting;
        waiting = [];
        try {
          await log.write(Buffer.concat(batch.map(({ bytes }) => bytes)));
          await log.datasync();
          for (const { resolve } of batch) resolve();
        } catch (error) {
          for (const { reject } of batch) reject(error);
        }
        await setImmediate();
      }
      isUnderWay = false;
    };
    const append = (...parts: Uint8Array[]) =>
      new Promise<void>((resolve, reject) => {
        waiting.push({ bytes: Buffer.concat(parts), resolve, reject });
        if (!isUnderWay) void writeAll();
      });
    return {
      style: "promise",
      prepare: (session) => Buffer.from(JSON.stringify(session)),
      parse: (found) => JSON.parse(decoder.decode(found as Uint8Array)),
      find: async (token) => {
        const data = sessions.get(token);
        return data && Buffer.from(data);
      },
      commit: (token, content) => {
        const data = Buffer.from(content as Buffer);
        sessions.set(token, data);
        return append(Buffer.from(token), data);
      },
      delete: (token) => {
        sessions.delete(token);
        return append(Buffer.from(token));
      },
      close: async () => {
        await log.close();
        await remove(directory);
      },
    };
  },
  "raw pg": async () => {
    const { pool, close } = await startPostgres();
    await pool.query(
      "CREATE TABLE sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMPTZ NOT NULL)",
    );
    await pool.query("CREATE INDEX ON sessions (expiry)");
    const expiry = new Date(Date.now() + 86_400_000);
    return {
      style: "promise",
      prepare: (session) => Buffer.from(JSON.stringify(session)),
      parse: (found) => JSON.parse(decoder.decode((found as { data: Uint8Array }).data)),
      find: async (token) => {
        const text = "SELECT data, expiry FROM sessions WHERE token = $1 AND now() < expiry";
        return (await pool.query({ name: "find", text, values: [token] })).rows[0];
      },
      commit: async (token, content) => {
        const text =
          "INSERT INTO sessions VALUES ($1, $2, $3) ON CONFLICT (token) DO UPDATE SET data = excluded.data, expiry = excluded.expiry";
        await pool.query({ name: "commit", text, values: [token, content, expiry] });
      },
      delete: async (token) => {
        await pool.query({ name: "delete", text: "DELETE FROM sessions WHERE token = $1", values: [token] });
      },
      close,
    };
  },
};
