import { resolve } from "node:path";
import { measureCleanup } from "./cleanup.js";
import { measureGrowth } from "./growth.js";
import { measureHttp } from "./http.js";
import { httpContendersOf } from "./http-contender.js";
import { describeMachine } from "./machine.js";
import { type Options, storesOf } from "./options.js";
import { versionOf } from "./packages.js";
import { measureProcesses } from "./processes.js";
import { ProgressBar } from "./progress.js";
import type { Results } from "./results.js";
import { Run } from "./run.js";
import { Servers } from "./servers.js";
import type { Site } from "./site.js";
import { findStore } from "./stores.js";

/** Measures what the options ask for, below a directory that the caller removes. */
export async function measure(options: Options, directory: string): Promise<Results> {
  const progress = new ProgressBar();
  const servers = new Servers(directory);
  const results: Results = {
    format: 1,
    date: new Date().toISOString(),
    machine: describeMachine(directory),
    versions: { node: process.versions.node, v8: process.versions.v8 },
    ...{ contenders: {}, cells: [], growth: [], processes: [], cleanup: [], http: [], skipped: [] },
  };
  try {
    const { versions, ...measured } = await measureKind(options, { directory, servers, progress });
    const { date: run } = results;
    return {
      ...results,
      ...measured,
      cells: (measured.cells ?? []).map((row) => ({ ...row, run })),
      http: (measured.http ?? []).map((row) => ({ ...row, run })),
      versions: { ...results.versions, ...versions, ...(await servers.versions()) },
    };
  } finally {
    progress.stop();
    await servers.close();
  }
}

async function measureKind(options: Options, site: Site): Promise<Partial<Results>> {
  const { families, rounds, measureMs, sizes, kind } = options;
  const [size = 256] = sizes;
  const [sessions = 10_000] = options.sessions;
  if (kind === "operations") {
    const nodeOptions = profiling(options);
    return new Run({ ...options, sessions, nodeOptions }, site).measure();
  }
  const skipped: string[] = [];
  const stores: string[] = [];
  for (const name of storesOf(families)) {
    const { server } = findStore(name);
    const reason = server === undefined ? undefined : await site.servers.whyNot(server);
    if (reason === undefined) stores.push(name);
    else skipped.push(`${name}: ${reason}`);
  }
  if (kind === "growth") {
    const growth = await measureGrowth({ stores, sessions: options.sessions, size, rounds }, site);
    return { growth, skipped };
  }
  if (kind === "processes") {
    const shared = { stores, processes: options.processes, sessions, size, rounds, measureMs };
    const alone = stores.filter((name) => !findStore(name).isShared);
    skipped.push(...alone.map((name) => `${name}: one process alone has its sessions`));
    return { processes: await measureProcesses(shared, site), skipped };
  }
  if (kind === "cleanup") {
    if (!stores.includes("pgstore")) return { skipped };
    return { cleanup: await measureCleanup({ sessions: options.sessions, size, rounds }, site), skipped };
  }
  const measured = families.filter(({ store }) => stores.includes(store));
  for (const { name, isMissing } of measured.flatMap(httpContendersOf)) {
    const reason = isMissing?.();
    if (reason !== undefined) skipped.push(`${name}: ${reason}`);
  }
  const http = await measureHttp(
    {
      ...{ families: measured, stacks: options.stacks, routes: options.routes, rounds, only: options.only },
      ...{ connections: options.connections, seconds: Math.max(1, Math.round(measureMs / 1000)) },
      nodeOptions: profiling(options),
    },
    site,
  );
  return { http, skipped: [...new Set(skipped)], versions: httpVersions() };
}

function httpVersions(): Record<string, string> {
  const names = ["express", "express-session", "@scs/session", "autocannon"];
  return Object.fromEntries(
    names.flatMap((name) => {
      const version = versionOf(name);
      return version === undefined ? [] : [[name, version]];
    }),
  );
}

function profiling({ profiles }: Options): string[] {
  if (profiles === undefined) return [];
  return ["--cpu-prof", `--cpu-prof-dir=${resolve(profiles)}`, "--cpu-prof-interval=200"];
}
