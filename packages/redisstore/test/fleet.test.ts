import { setTimeout } from "node:timers/promises";
import { describe, expect, it, onTestFinished } from "vitest";
import { newPrefix } from "./backend.js";
import { type Fleet, type Outcome, startFleet } from "./fixtures/fleet.js";
import { RedisCluster } from "./fixtures/redis-cluster.js";
import { hasServer, RedisServer } from "./fixtures/redis-server.js";
import { openStore } from "./fixtures/stores.js";

/** Whether this is the long form, `npm run crash` in the root: 20 seconds per test, and the cluster itself elects replicas. */
const isLong = process.env.SCS_TEST_KILLS !== undefined;
const MS = isLong ? 20_000 : 2_500;
const timeout = MS + 400_000;
/** Less than a failover or a restart takes, and far more than a call. */
const WAIT_MS = 100;

/** Runs four processes on a cluster while a primary is killed, its replica promoted, and slots are moved. */
async function failOver(options: Record<string, string>, waitReplicas: number): Promise<Outcome> {
  const cluster = await RedisCluster.start({ "cluster-node-timeout": isLong ? 2_000 : 5_000, ...options });
  onTestFinished(() => cluster.stop());
  const prefix = newPrefix();
  const { store } = await openStore("ioredis 6", cluster.ports, { prefix, timeoutMs: 30_000 });
  const fleet = await startFleet(store, { ports: cluster.ports, isCluster: true, prefix, waitReplicas });
  await setTimeout(MS / 4);
  const [primary, replica] = (await cluster.serversOf(0)) as [number, number];
  await cluster.servers[primary]?.kill();
  if (!isLong) await cluster.admins[replica]?.call("CLUSTER", "FAILOVER", "FORCE");
  await cluster.until(replica, async (admin) => String(await admin.call("ROLE")).startsWith("master"));
  await setTimeout(MS / 4);
  await cluster.servers[primary]?.start(); // as a replica of its former replica
  const others = [...(await cluster.serversOf(6_000)), ...(await cluster.serversOf(12_000))];
  const slots = Array.from({ length: isLong ? 300 : 50 }, (_, n) => 6_000 + n);
  await cluster.moveSlots(others[0] as number, others[2] as number, slots);
  await setTimeout(MS / 2);
  return stop(fleet, store, `waitReplicas ${waitReplicas}, ${JSON.stringify(options)}`);
}

async function stop(fleet: Fleet, store: Parameters<Fleet["stop"]>[0], what: string): Promise<Outcome> {
  const outcome = await fleet.stop(store);
  console.log(`${what}: ${JSON.stringify(outcome)}`);
  expect(outcome.acknowledged, "no process counted").toBeGreaterThan(100);
  // A write that began when its server was already gone is not rejected, but waits for the next one.
  const isMet = outcome.unavailable > 0 || outcome.slowestMs > WAIT_MS;
  expect(isMet, "no process met the failure").toBe(true);
  expect(
    outcome.doubled,
    "an increment took effect twice, or took effect although replace returned false",
  ).toBe(0);
  return outcome;
}

/** Persistence of the servers: none, and in the long form also a log. */
const LOG = { appendonly: "yes", appendfsync: "always" };
const settings = isLong ? [{}, LOG] : [{}];

describe.skipIf(!hasServer)("four processes, each with a different driver", () => {
  it.each(settings)(
    "lose no acknowledged write in a failover and a move of slots, with waitReplicas and %j",
    { timeout },
    async (options) => {
      expect((await failOver(options, 1)).lost).toBe(0);
    },
  );

  it.each(settings)(
    "lose at most the last moments in a failover, without waitReplicas and with %j",
    { timeout },
    async (options) => {
      const { acknowledged, lost } = await failOver(options, 0);
      expect(lost).toBeLessThan(acknowledged / 10);
    },
  );

  it.each(isLong ? ["always", "everysec"] : ["always"])(
    "lose no acknowledged write when the server is killed and restarted, with appendfsync %s",
    { timeout },
    async (appendfsync) => {
      const server = await RedisServer.start({ appendonly: "yes", appendfsync });
      onTestFinished(() => server.stop());
      const prefix = newPrefix();
      const { store } = await openStore("redis 5", server.port, { prefix, timeoutMs: 30_000 });
      const common = { ports: [server.port], isCluster: false, prefix, waitReplicas: 0 };
      const fleet = await startFleet(store, common);
      for (let kill = 0; kill < 3; kill++) {
        await setTimeout(MS / 4);
        await server.kill();
        await server.start();
      }
      await setTimeout(MS / 4);
      expect((await stop(fleet, store, `appendfsync ${appendfsync}, killed three times`)).lost).toBe(0);
    },
  );
});
