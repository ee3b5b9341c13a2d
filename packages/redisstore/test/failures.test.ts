import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished } from "vitest";
import { drivers } from "./fixtures/clients.js";
import { Network } from "./fixtures/network.js";
import { hasServer, RedisServer } from "./fixtures/redis-server.js";
import {
  bytes,
  findPatiently,
  openStore,
  soon,
  succeeds,
  text,
  unavailable,
  until,
} from "./fixtures/stores.js";

/** Starts a server for one test, and opens an administrator's connection to it. */
async function startServer(
  options: Record<string, string | number> = {},
): Promise<{ server: RedisServer; admin: Redis }> {
  const server = await RedisServer.start(options);
  onTestFinished(() => server.stop());
  const settings = {
    port: server.port,
    host: "127.0.0.1",
    retryStrategy: () => 20,
    maxRetriesPerRequest: null,
  };
  const admin = new Redis({
    ...settings,
    ...(options.requirepass ? { password: String(options.requirepass) } : {}),
  });
  admin.on("error", () => undefined);
  onTestFinished(() => admin.disconnect());
  return { server, admin };
}

describe.skipIf(!hasServer).each(drivers)("%s", (driver) => {
  it("answers a waiting call after the server has restarted", async () => {
    const { server } = await startServer({ appendonly: "yes", appendfsync: "always" });
    const { store } = await openStore(driver, server.port, { timeoutMs: 30_000 });
    await store.commit("t", bytes("one"), soon());
    await server.kill();
    const found = store.find("t");
    await server.start();
    expect(text((await found)?.data)).toBe("one");
    expect(await store.replace("t", bytes("one"), bytes("two"), soon())).toBe(true);
  });

  it("rejects within timeoutMs while there is no server, and says why", async () => {
    const { server } = await startServer();
    const { store } = await openStore(driver, server.port, { timeoutMs: 2_000 }); // time to notice, also on a busy machine
    await until(() => succeeds(store.commit("t", bytes("one"), soon())));
    await server.kill();
    const outcomes = await Promise.allSettled([
      store.find("t"),
      store.touch("t", soon()),
      store.delete("t"),
      store.commit("u", bytes("x"), soon()),
    ]);
    for (const outcome of outcomes)
      expect(outcome).toMatchObject({ reason: unavailable(/ECONNREFUSED|connection/) });
    await server.start();
    expect(await findPatiently(store, "t")).toBeUndefined(); // this server has no persistence
  });

  it("rejects while the server is frozen, and works again afterwards", async () => {
    const { server } = await startServer();
    const { store } = await openStore(driver, server.port, { timeoutMs: 300 });
    await until(() => succeeds(store.commit("t", bytes("one"), soon())));
    server.signal("SIGSTOP");
    await expect(store.find("t")).rejects.toMatchObject(unavailable(/within 300 ms|connection/));
    await expect(store.touch("t", soon())).rejects.toMatchObject(unavailable(/within 300 ms|connection/));
    server.signal("SIGCONT");
    const read = await findPatiently(store, "t");
    expect(text(read?.data)).toBe("one");
  });

  it("replaces a connection that gets no replies", async () => {
    const { server } = await startServer();
    const { store } = await openStore(driver, server.port, { timeoutMs: 200 });
    await until(() => succeeds(store.commit("t", bytes("one"), soon())));
    server.signal("SIGSTOP");
    await expect(store.find("t")).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await server.kill();
    await server.start();
    await until(() => succeeds(store.commit("t", bytes("two"), soon())));
    expect(text((await findPatiently(store, "t"))?.data)).toBe("two");
  });

  it("reports that the server is out of memory, still reads, and writes again when there is room", async () => {
    const { server, admin } = await startServer({ "maxmemory-policy": "noeviction" });
    const { store } = await openStore(driver, server.port);
    await store.commit("t", bytes("one"), soon());
    await admin.config("SET", "maxmemory", "1");
    const full = unavailable(/out of memory/);
    await expect(store.commit("u", bytes("x"), soon())).rejects.toMatchObject(full);
    await expect(store.replace("t", bytes("one"), bytes("two"), soon())).rejects.toMatchObject(full);
    await expect(store.replace("v", undefined, bytes("two"), soon())).rejects.toMatchObject(full);
    const many = ["a", "b", "c"].map((token) => store.commit(token, bytes("x"), soon()));
    for (const outcome of await Promise.allSettled(many))
      expect(outcome).toMatchObject({ status: "rejected", reason: full });
    expect(text((await store.find("t"))?.data)).toBe("one");
    await store.delete("t");
    await admin.config("SET", "maxmemory", "0");
    await store.commit("u", bytes("x"), soon());
    expect(text((await store.find("u"))?.data)).toBe("x");
  });

  it("reports that the server is a read-only replica, and writes after its promotion", async () => {
    const { server, admin } = await startServer();
    const { store } = await openStore(driver, server.port);
    await store.commit("t", bytes("one"), soon());
    await admin.call("REPLICAOF", "127.0.0.1", "1");
    const readOnly = unavailable(/read-only replica/);
    await expect(store.commit("t", bytes("two"), soon())).rejects.toMatchObject(readOnly);
    await expect(store.touch("t", soon())).rejects.toMatchObject(readOnly);
    expect(text((await store.find("t"))?.data)).toBe("one");
    await admin.call("REPLICAOF", "NO", "ONE");
    await store.commit("t", bytes("two"), soon());
    expect(text((await store.find("t"))?.data)).toBe("two");
  });

  it("reports a wrong password at once", async () => {
    const { server } = await startServer({ requirepass: "right" });
    const { store } = await openStore(driver, server.port, {
      timeoutMs: 100_000,
      client: { password: "wrong" },
    });
    await expect(store.find("t")).rejects.toMatchObject(unavailable(/password/));
    const { store: without } = await openStore(driver, server.port, { timeoutMs: 100_000 });
    await expect(without.find("t")).rejects.toMatchObject(unavailable(/password/));
    const { store: right } = await openStore(driver, server.port, { client: { password: "right" } });
    expect(await right.find("t")).toBeUndefined();
  });

  it("waits while the server loads its data, up to timeoutMs", async () => {
    const { server, admin } = await startServer({
      appendonly: "yes",
      "key-load-delay": 1,
      "loading-process-events-interval-bytes": 1024,
    });
    const { store } = await openStore(driver, server.port, { timeoutMs: 60_000 });
    await store.commit("t", bytes("one"), soon());
    await admin.call("EVAL", "for i = 1, 3000 do redis.call('SET', 'filler' .. i, 'x') end", "0");
    await server.kill();
    await server.start();
    expect(text((await store.find("t"))?.data)).toBe("one");
    expect(await store.touch("t", soon())).toBe(true);
  });

  it("sends its scripts again when the server has forgotten them, also for a batch", async () => {
    const { server, admin } = await startServer();
    const { store } = await openStore(driver, server.port);
    await store.commit("t", bytes("one"), soon());
    expect(await store.touch("t", soon())).toBe(true);
    await admin.script("FLUSH");
    const tokens = ["a", "b", "c", "d"];
    expect(
      await Promise.all(tokens.map((token) => store.replace(token, undefined, bytes(token), soon()))),
    ).toEqual(tokens.map(() => true));
    await admin.script("FLUSH");
    expect(await store.replace("t", bytes("one"), bytes("two"), soon())).toBe(true);
  });

  it("never retries a write whose answer was lost, but retries a read", async () => {
    const { server, admin } = await startServer();
    const network = await Network.to(server.port);
    const { store } = await openStore(driver, network.port, { prefix: "p:", timeoutMs: 60_000 });
    await store.commit("t", bytes("one"), soon());
    await store.replace("t", bytes("one"), bytes("one"), soon()); // the server knows the script
    await admin.config("RESETSTAT");
    network.loseNextAnswers();
    const outcomes = await Promise.allSettled([
      store.replace("t", bytes("one"), bytes("two"), soon()),
      store.commit("u", bytes("two"), soon()),
      store.find("v"),
    ]);
    const lost = { status: "rejected", reason: unavailable(/connection was lost/) };
    expect(outcomes).toMatchObject([lost, lost, { status: "fulfilled", value: undefined }]);
    expect(text((await store.find("t"))?.data)).toBe("two"); // it took effect
    const stats = await admin.info("commandstats");
    expect(stats).toMatch(/cmdstat_set:calls=2,/); // one of them in the script
    expect(stats).toMatch(/cmdstat_eval(sha)?:calls=1,/);
  });

  it("treats a value that is no session as absent, and reports CORRUPT", async () => {
    const { server, admin } = await startServer();
    const { store, errors } = await openStore(driver, server.port, { prefix: "p:" });
    await admin.lpush("p:list", "x");
    await admin.set("p:short", "x");
    await admin.set("p:json", '{"cookie":{}}');
    for (const token of ["list", "short", "json"]) {
      expect(await store.find(token)).toBeUndefined();
      expect(await store.touch(token, soon())).toBe(false);
      expect(await store.replace(token, bytes("x"), bytes("y"), soon())).toBe(false);
      expect(errors.splice(0)).toMatchObject([{ code: "CORRUPT" }, { code: "CORRUPT" }, { code: "CORRUPT" }]);
    }
    expect(await store.all()).toEqual(new Map());
    expect(await store.replace("list", undefined, bytes("new"), soon())).toBe(true);
    await store.commit("short", bytes("new"), soon());
    await store.delete("json");
    expect([...(await store.all()).keys()].sort()).toEqual(["list", "short"]);
    expect(errors.every(({ code }) => code === "CORRUPT")).toBe(true);
  });

  it("rejects after the app has closed its client, and names this reason", async () => {
    const { server } = await startServer();
    const { store, close } = await openStore(driver, server.port);
    await store.commit("t", bytes("one"), soon());
    await close();
    await until(async () => !(await succeeds(store.find("t")))); // ioredis takes a moment to close
    await expect(store.find("t")).rejects.toMatchObject(unavailable(/the app has closed its client/));
  });

  it("puts neither token nor data into an error, whatever the server quotes", async () => {
    const { server } = await startServer({ "rename-command": "EVALSHA nothing" });
    const { store } = await openStore(driver, server.port, { prefix: "secret-prefix" });
    const error = (await store.touch("secret-token", soon()).catch((thrown: unknown) => thrown)) as Error;
    expect(error).toMatchObject({ code: "UNAVAILABLE" });
    expect(`${error.message} ${error.cause} ${JSON.stringify(error.cause)}`).toMatch(/unknown command/);
    expect(`${error.message} ${error.cause} ${JSON.stringify(error.cause)}`).not.toMatch(/secret/);
  });
});
