import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, it } from "vitest";
import { Cluster } from "../../../packages/pgstore/test/fixtures/cluster.js";
import { hasServer, RedisServer } from "../../../packages/redisstore/test/fixtures/redis-server.js";
import { RunningShop } from "./running-shop.js";

/** Logs in, restarts the shop, and returns whether the visitor is still logged in. */
async function survivesRestart(...args: string[]): Promise<boolean> {
  const first = await RunningShop.open("--port", "0", ...args);
  const body = new URLSearchParams({ name: "Ada", password: "demo" });
  const answer = await fetch(`${first.address}/login`, { method: "POST", body, redirect: "manual" });
  const cookie = String(answer.headers.get("set-cookie")).split(";")[0] ?? "";
  const isLoggedIn = async ({ address }: RunningShop) => {
    const me = await fetch(`${address}/me`, { headers: { cookie } });
    return ((await me.json()) as { user?: string }).user === "Ada";
  };
  expect(await isLoggedIn(first)).toBe(true);
  expect(await first.stop(), first.output).toBe(0);
  const second = await RunningShop.open("--port", "0", ...args);
  const result = await isLoggedIn(second);
  expect(await second.stop(), second.output).toBe(0);
  return result;
}

async function inFolder<R>(work: (folder: string) => Promise<R>): Promise<R> {
  const folder = mkdtempSync(join(tmpdir(), "scs-demo-"));
  try {
    return await work(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

it.skipIf(process.platform === "win32").each(["file", "hybrid", "bolt", "sql"])(
  "keeps everybody logged in over a restart, with --store %s",
  async (store) => {
    expect(await inFolder((data) => survivesRestart("--store", store, "--data", data))).toBe(true);
  },
);

it.skipIf(process.platform === "win32")(
  "keeps everybody logged in over a restart, with --store pg and a URL",
  async () => {
    const cluster = await Cluster.start();
    try {
      expect(await survivesRestart("--store", "pg", "--url", cluster.url)).toBe(true);
    } finally {
      await cluster.remove();
    }
  },
);

it.skipIf(process.platform === "win32")("logs everybody out at a restart, with --store mem", async () => {
  expect(await survivesRestart("--store", "mem")).toBe(false);
});

it.skipIf(!hasServer)(
  "keeps everybody logged in over a restart, with --store redis, whose server keeps running",
  async () => {
    const server = await RedisServer.start();
    try {
      expect(await survivesRestart("--store", "redis", "--url", server.url)).toBe(true);
    } finally {
      await server.stop();
    }
  },
);
