import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, it, onTestFinished } from "vitest";
import type { Counter, Report, Setup } from "./fixtures/fleet-host.js";
import { useCluster } from "./fixtures/server.js";
import { bytes, openStore, soon, text } from "./fixtures/stores.js";

const HOSTS = 4;
const COUNTERS = 140;
const SLOTS = 60;
/** The long form, `npm run crash` in the root, takes 20 seconds. */
const MS = process.env.SCS_TEST_KILLS === undefined ? 3_000 : 20_000;
const RESTARTS = 2;

const cluster = useCluster();

function startHost(setup: Setup): ChildProcess {
  const child = fork(
    fileURLToPath(new URL("./fixtures/fleet-host.js", import.meta.url)),
    [JSON.stringify(setup)],
    {
      execArgv: [],
      stdio: ["ignore", "inherit", "inherit", "ipc"],
    },
  );
  onTestFinished(() => void child.kill("SIGKILL"));
  return child;
}

const sum = (numbers: readonly number[]): number => numbers.reduce((total, each) => total + each, 0);

it("four hosts on 200 sessions lose no write and bring back no session, while the server crashes twice", {
  timeout: MS + 60_000,
}, async () => {
  const seed = Number(process.env.SCS_TEST_SEED ?? Math.floor(Math.random() * 2 ** 31));
  const { store, schema, errors } = await openStore();
  const fresh: Counter = { count: 0, by: Array(HOSTS).fill(0) };
  const tokens = Array.from({ length: COUNTERS }, (_, n) => `counter ${n}`);
  await Promise.all(tokens.map((token) => store.commit(token, bytes(JSON.stringify(fresh)), soon())));

  const common = { url: cluster().url, schema, hosts: HOSTS, counters: COUNTERS, slots: SLOTS };
  const children = Array.from({ length: HOSTS }, (_, host) =>
    startHost({ ...common, host, seed: seed + host }),
  );
  await Promise.all(children.map((child) => once(child, "message")));
  for (let restart = 0; restart < RESTARTS; restart++) {
    await setTimeout(MS / (RESTARTS + 1));
    await cluster().restart("immediate");
  }
  await setTimeout(MS / (RESTARTS + 1));
  const reports = await Promise.all(
    children.map(async (child) => {
      const ended = once(child, "message");
      child.send("stop");
      const [report] = (await Promise.race([
        ended,
        once(child, "exit").then(([code]) =>
          Promise.reject(new Error(`seed ${seed}: a host ended with ${code}`)),
        ),
      ])) as [Report];
      return report;
    }),
  );

  const calls: Record<string, number> = {};
  for (const report of reports)
    for (const [name, count] of Object.entries(report.calls)) calls[name] = (calls[name] ?? 0) + count;
  const acknowledged = sum(reports.flatMap((report) => report.acknowledged));
  const unknown = sum(reports.flatMap((report) => report.unknown));
  const deleted = reports.flatMap((report) => report.deleted);
  const unavailable = sum(reports.map((report) => report.unavailable));
  console.log(
    `seed ${seed}: ${acknowledged} increments acknowledged, ${unknown} unknown, ${deleted.length} sessions deleted, ` +
      `${unavailable} calls unavailable; ${JSON.stringify(calls)}`,
  );
  expect(Object.keys(calls).sort(), `seed ${seed}`).toEqual(
    ["commit", "delete", "deleteExpired", "find", "replace", "touch"].sort(),
  );
  expect(unavailable, "the restarts met nobody").toBeGreaterThan(0);

  for (const [n, token] of tokens.entries()) {
    const record = await store.find(token);
    const { count, by } = JSON.parse(text(record?.data) ?? "null") as Counter;
    expect(count, `seed ${seed}`).toBe(sum(by));
    for (const [host, report] of reports.entries()) {
      const certain = report.acknowledged[n] as number;
      expect(by[host], `seed ${seed}: an acknowledged increment is lost`).toBeGreaterThanOrEqual(certain);
      expect(by[host], `seed ${seed}: an increment took effect twice`).toBeLessThanOrEqual(
        certain + (report.unknown[n] as number),
      );
    }
  }
  expect(
    reports.flatMap((report) => report.resurrected),
    `seed ${seed}`,
  ).toEqual([]);
  const left = await store.all();
  expect(
    deleted.filter((token) => left.has(token)),
    `seed ${seed}: deleted, and there again`,
  ).toEqual([]);
  expect(errors.every(({ code }) => code === "UNAVAILABLE")).toBe(true);
});
