import { readdirSync, statSync } from "node:fs";
import { type FullStore, StoreError } from "@scs/core";
import { CommandError } from "../exit-code.js";
import { loadFirst, loadPackage } from "./load-module.js";
import { existing, FORMS, nameOf, parseServer, refuseUnknown } from "./store-url.js";
import { managerOf, type Query, type StoreKind, type Target, type TargetOptions } from "./target.js";

/** Timeout of a call in ms. Long, because a busy machine must not end a copy of several hours. */
const PATIENCE_MS = 120_000;

type Opened = Omit<Target, "sessions" | "name" | "knowsOwners" | "kind">;
type Make = (...args: unknown[]) => unknown;

const openers: Readonly<
  Record<string, [StoreKind, (url: string, options: TargetOptions) => Promise<Opened>]>
> = {
  mem: ["mem", openMemory],
  file: ["file", openDirectory],
  hybrid: ["hybrid", openHybrid],
  bolt: ["bolt", openBolt],
  sqlite: ["sqlite", openSqlite],
  sql: ["sqlite", openSqlite],
  postgres: ["postgres", openPostgres],
  postgresql: ["postgres", openPostgres],
  redis: ["redis", openRedis],
  rediss: ["redis", openRedis],
};

/**
 * Opens a store by its URL, with the package installed in the working directory. Starts no background cleanup.
 *
 * @throws CommandError if the URL is malformed or names no store, or a package is missing.
 * @throws StoreError if the store cannot be opened.
 */
export async function openUrl(url: string, options: TargetOptions): Promise<Target> {
  const scheme = /^([a-z]+):/.exec(url)?.[1] ?? "";
  const [kind, open] = (Object.hasOwn(openers, scheme) ? openers[scheme] : undefined) ?? [];
  if (kind === undefined || open === undefined) throw new CommandError(FORMS);
  refuseUnknown(url, kind);
  const opened = await open(url, options);
  return {
    ...opened,
    kind,
    name: nameOf(url, kind),
    sessions: managerOf(opened.store, options),
    knowsOwners: false,
  };
}

async function storeOf(
  packageName: string,
  name: string,
  args: readonly unknown[],
  isClass = false,
): Promise<FullStore> {
  const make = (await loadPackage(packageName))[name] as Make & (new (...args: unknown[]) => unknown);
  return (await (isClass ? new make(...args) : make(...args))) as FullStore;
}

async function openMemory(_url: string, { onError }: TargetOptions): Promise<Opened> {
  const store = await storeOf("@scs/memstore", "MemStore", [{ cleanupIntervalMs: 0, onError }], true);
  return { store, close: () => dispose(store) };
}

async function openDirectory(url: string, options: TargetOptions): Promise<Opened> {
  const { path } = existing(url, options);
  const storeOptions = { cleanupIntervalMs: 0, busyTimeoutMs: PATIENCE_MS, onError: options.onError };
  const store = await storeOf("@scs/filestore", "FileStore", [path, storeOptions], true);
  return { store, path, close: () => dispose(store) };
}

async function openHybrid(url: string, options: TargetOptions): Promise<Opened> {
  const { path } = existing(url, options);
  if (options.isCreated !== true && statSync(path).isDirectory() && !readdirSync(path).some(isHybridLog)) {
    throw new CommandError(`${path} contains no hybridstore`);
  }
  const storeOptions = { cleanupIntervalMs: 0, timeoutMs: PATIENCE_MS, onError: options.onError };
  const store = await storeOf("@scs/hybridstore", "openHybridStore", [path, storeOptions]);
  return { store, path, close: () => dispose(store) };
}

/** Returns whether hybridstore names its files so: `log-3-9f86d081`, or `snapshot-2-9f86d081`. */
function isHybridLog(name: string): boolean {
  return /^(log|snapshot)-\d+-[0-9a-f]{8}$/.test(name);
}

async function openBolt(url: string, options: TargetOptions): Promise<Opened> {
  const { path } = existing(url, options);
  const storeOptions = { cleanupIntervalMs: 0, busyTimeoutMs: PATIENCE_MS, onError: options.onError };
  const store = await storeOf("@scs/boltstore", "openBoltStore", [path, storeOptions]);
  return { store, path, close: () => dispose(store) };
}

async function openSqlite(url: string, options: TargetOptions): Promise<Opened> {
  const { path, query } = existing(url, options);
  const [driver, module] = await loadFirst(["sqlite3", "better-sqlite3"]);
  const table = query.get("table") ?? "sessions";
  const asked = await openSqliteHandle(driver, module, path).catch((cause: Error) => {
    throw new StoreError("UNAVAILABLE", `${path} cannot be opened: ${cause.message}`, { cause });
  });
  if (!options.isCreated) {
    const names = await asked.query(
      `SELECT name FROM sqlite_master WHERE name = '${table.replaceAll("'", "''")}'`,
    );
    if (names.length === 0) {
      await asked.close();
      throw new CommandError(`there is no table ${table} in ${path}; name another one with ?table=`);
    }
  }
  const storeOptions = {
    ...{ driver, table, cleanupIntervalMs: 0, busyTimeoutMs: PATIENCE_MS, onError: options.onError },
  };
  const store = await storeOf("@scs/sqlstore", "openSqlStore", [path, storeOptions]);
  const close = async (): Promise<void> => {
    await dispose(store);
    await asked.close();
  };
  return { store, path, query: asked.query, table: quote(table), close };
}

interface SqliteHandle {
  query: Query;
  close(): Promise<void>;
}

async function openSqliteHandle(
  driver: string,
  module: Record<string, unknown>,
  path: string,
): Promise<SqliteHandle> {
  type Rows = Record<string, unknown>[];
  if (driver === "sqlite3") {
    interface Database {
      all(sql: string, callback: (error: Error | null, rows: Rows) => void): void;
      close(callback: () => void): void;
    }
    type Opening = new (path: string, callback: (error: Error | null) => void) => Database;
    const { Database } = module.default as { Database: Opening };
    const db = await new Promise<Database>((done, fail) => {
      const opened = new Database(path, (error) => (error ? fail(error) : done(opened)));
    });
    return {
      query: (sql) =>
        new Promise((done, fail) => db.all(sql, (error, rows) => (error ? fail(error) : done(rows)))),
      close: () => new Promise((done) => db.close(() => done())),
    };
  }
  type Sync = { prepare(sql: string): { all(): Rows }; close(): void };
  const db = new (module.default as new (path: string) => Sync)(path);
  return { query: async (sql) => db.prepare(sql).all(), close: async () => db.close() };
}

async function openPostgres(url: string, options: TargetOptions): Promise<Opened> {
  const parsed = parseServer(url);
  const { searchParams } = parsed;
  const [schema, table] = [searchParams.get("schema") ?? undefined, searchParams.get("table") ?? "sessions"];
  for (const own of ["schema", "table"]) searchParams.delete(own);
  interface Pool {
    query(sql: string): Promise<{ rows: Record<string, unknown>[] }>;
    on(event: "error", listener: (error: Error) => void): void;
    end(): Promise<void>;
  }
  const { Pool } = ((await loadPackage("pg")).default ?? {}) as { Pool: new (options: object) => Pool };
  const pool = new Pool({ connectionString: parsed.href, max: 8, application_name: "scs" });
  pool.on("error", options.onError);
  const storeOptions = {
    ...{ table, cleanupIntervalMs: 0, timeoutMs: PATIENCE_MS, onError: options.onError },
    ...(schema !== undefined && { schema }),
  };
  const store = await storeOf("@scs/pgstore", "PgStore", [pool, storeOptions], true);
  const close = async (): Promise<void> => {
    await dispose(store);
    await pool.end();
  };
  try {
    if (options.isCreated) await (store as FullStore & { createTable(): Promise<void> }).createTable();
  } catch (error) {
    await close();
    throw error;
  }
  const name = schema === undefined ? quote(table) : `${quote(schema)}.${quote(table)}`;
  return { store, table: name, query: async (sql) => (await pool.query(sql)).rows, close };
}

async function openRedis(url: string, options: TargetOptions): Promise<Opened> {
  const parsed = parseServer(url);
  const prefix = parsed.searchParams.get("prefix") ?? undefined;
  parsed.searchParams.delete("prefix");
  const [driver, module] = await loadFirst(["ioredis", "redis"]);
  const storeOptions = {
    cleanupIntervalMs: 0,
    onError: options.onError,
    ...(prefix !== undefined && { prefix }),
  };
  if (driver === "ioredis") {
    type Client = {
      call(...args: string[]): Promise<unknown>;
      disconnect(): void;
      on(event: "error", listener: (error: Error) => void): void;
    };
    const client = new (module.default as new (url: string) => Client)(parsed.href);
    client.on("error", options.onError);
    const store = await storeOf("@scs/redisstore", "RedisStore", [client, storeOptions], true);
    const ask = (...command: string[]): Promise<unknown> => client.call(...command);
    return { store, query: redisQuery(ask), close: () => closeBoth(store, () => client.disconnect()) };
  }
  type Client = {
    readonly isOpen: boolean;
    connect(): Promise<unknown>;
    sendCommand(args: string[]): Promise<unknown>;
    destroy(): void;
    on(event: "error", listener: (error: Error) => void): void;
  };
  const client = (module.createClient as (options: object) => Client)({ url: parsed.href });
  client.on("error", options.onError);
  client.connect().catch(() => undefined); // retried without end; the store limits its own waits, and events tell why
  const store = await storeOf("@scs/redisstore", "RedisStore", [client, storeOptions], true);
  const ask = (...command: string[]): Promise<unknown> => client.sendCommand(command);
  const close = (): Promise<void> => closeBoth(store, () => client.isOpen && client.destroy());
  return { store, query: redisQuery(ask), close };
}

/** Answers `CONFIG GET name` as a row, for `doctor`. */
function redisQuery(ask: (...command: string[]) => Promise<unknown>): Query {
  return async (command) => {
    const answer = await ask(...command.split(" "));
    const [name, value] = Array.isArray(answer) ? answer.map(String) : Object.entries(Object(answer)).flat();
    return name === undefined ? [] : [{ [String(name)]: value }];
  };
}

async function closeBoth(store: FullStore, close: () => unknown): Promise<void> {
  await dispose(store);
  close();
}

async function dispose(store: FullStore): Promise<void> {
  await store[Symbol.asyncDispose]();
}

function quote(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}
