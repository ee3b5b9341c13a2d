import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Redis } from "ioredis";
import { describe, expect, it, onTestFinished } from "vitest";
import { RedisStore } from "../src/index.js";
import { drivers } from "./fixtures/clients.js";
import { freePorts, hasServer, RedisServer } from "./fixtures/redis-server.js";
import { bytes, openStore, soon, text, until } from "./fixtures/stores.js";

const hasOpenssl = ((): boolean => {
  try {
    execFileSync("openssl", ["version"]);
    return true;
  } catch {
    return false;
  }
})();

/** Creates a key and a self-signed certificate for 127.0.0.1. */
function makeCertificate(): { key: string; cert: string } {
  const folder = mkdtempSync(join(tmpdir(), "redisstore-tls-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const [key, cert] = [join(folder, "key.pem"), join(folder, "cert.pem")];
  const subject = ["-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"];
  const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"];
  execFileSync(
    "openssl",
    ["req", "-x509", ...curve, "-keyout", key, "-out", cert, "-days", "2", ...subject],
    {
      stdio: "ignore",
    },
  );
  return { key, cert };
}

describe.skipIf(!hasServer || !hasOpenssl)("TLS", () => {
  it.each(drivers)("%s: the store's connection uses the certificates of the app's client", async (driver) => {
    const { key, cert } = makeCertificate();
    const [port] = (await freePorts(1)) as [number];
    const server = await RedisServer.start({
      "tls-port": port,
      "tls-cert-file": cert,
      "tls-key-file": key,
      "tls-ca-cert-file": cert,
      "tls-auth-clients": "no",
    });
    onTestFinished(() => server.stop());
    const ca = readFileSync(cert);
    const settings = (tls: object): object =>
      driver.startsWith("ioredis") ? { tls } : { socket: { host: "127.0.0.1", port, tls: true, ...tls } };
    const { store } = await openStore(driver, port, { client: settings({ ca }) });
    await store.commit("t", bytes("one"), soon());
    expect(text((await store.find("t"))?.data)).toBe("one");
    const { store: stranger } = await openStore(driver, port, { client: settings({}), timeoutMs: 1_000 });
    const messageOf = (error: Error): string => `${error.message} ${error.cause}`;
    await until(async () => /certificate/.test(await stranger.find("t").then(String, messageOf)));
  });
});

const isDone = () => true;
const isRefused = () => false;

describe.skipIf(!hasServer)("Sentinel, with ioredis", () => {
  it("the store follows a failover", async () => {
    const primary = await RedisServer.start();
    onTestFinished(() => primary.stop());
    const replica = await RedisServer.start({
      replicaof: `127.0.0.1 ${primary.port}`,
      "repl-diskless-sync-delay": 0,
    });
    onTestFinished(() => replica.stop());
    const admin = new Redis({ port: replica.port, host: "127.0.0.1" });
    onTestFinished(() => admin.disconnect());
    await until(async () => (await admin.info("replication")).includes("master_link_status:up"));
    const [sentinelPort] = (await freePorts(1)) as [number];
    const file = join(primary.folder, "sentinel.conf");
    writeFileSync(
      file,
      `sentinel monitor session 127.0.0.1 ${primary.port} 1\nsentinel down-after-milliseconds session 60000\n`,
    );
    const sentinel = new RedisServer(sentinelPort, []);
    onTestFinished(() => sentinel.stop());
    await sentinel.startSentinel(file);
    const control = new Redis({ port: sentinelPort, host: "127.0.0.1" });
    onTestFinished(() => control.disconnect());
    await until(
      async () => ((await control.call("SENTINEL", "REPLICAS", "session")) as unknown[]).length > 0,
    );

    const client = new Redis({ sentinels: [{ host: "127.0.0.1", port: sentinelPort }], name: "session" });
    client.on("error", () => undefined);
    onTestFinished(() => client.disconnect());
    const store = new RedisStore(client, { timeoutMs: 60_000 });
    onTestFinished(() => store[Symbol.asyncDispose]());
    await store.commit("t", bytes("one"), soon());
    await until(async () => (await admin.dbsize()) === 1);
    // Sentinel replies NOGOODSLAVE until it has heard from the replica.
    await until(() => control.call("SENTINEL", "FAILOVER", "session").then(isDone, isRefused));
    await until(async () => String(await admin.call("ROLE")).startsWith("master"));
    await primary.kill();
    expect(await store.replace("t", bytes("one"), bytes("two"), soon())).toBe(true);
    expect(text((await store.find("t"))?.data)).toBe("two");
  });
});
