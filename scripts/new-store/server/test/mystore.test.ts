import { type RunningServer, startServer } from "@scs/mystore/server";
import { testDurableStore, testFullStore } from "@scs/testkit";
import { expect, it, onTestFinished } from "vitest";
import { MyStore, type MyStoreOptions } from "../src/index.js";
import { backend, durableBackend } from "./backend.js";

testFullStore(it, backend);
testDurableStore(it, durableBackend);

const soon = (): Date => new Date(Date.now() + 60_000);
const data = new Uint8Array([1]);

async function openStore(options: MyStoreOptions = {}): Promise<{ store: MyStore; server: RunningServer }> {
  const server = await startServer();
  const store = new MyStore({ port: server.port }, { cleanupIntervalMs: 0, ...options });
  onTestFinished(async () => {
    await server.stop();
    await store[Symbol.asyncDispose]();
  });
  return { store, server };
}

it("rejects with UNAVAILABLE and the driver's error as cause if the server has ended", async () => {
  const { store, server } = await openStore();
  await store.commit("t", data, soon());
  await server.stop();
  const refused = { name: "StoreError", code: "UNAVAILABLE", cause: { code: expect.stringMatching(/^E/) } };
  await expect(store.find("t")).rejects.toMatchObject(refused);
  await expect(store.commit("t", data, soon())).rejects.toMatchObject(refused);
});

it.skipIf(process.platform === "win32")(
  "rejects within timeoutMs when the server does not answer",
  async () => {
    const { store, server } = await openStore({ timeoutMs: 50 });
    await store.find("t");
    server.pause();
    const calls = Array.from({ length: 100 }, (_, n) => store.commit(`t${n}`, data, soon()));
    for (const call of await Promise.allSettled(calls))
      expect(call).toMatchObject({ status: "rejected", reason: { name: "StoreError", code: "UNAVAILABLE" } });
  },
);

it("connects again after a lost connection", async () => {
  const { store, server } = await openStore();
  const other = new MyStore({ port: server.port });
  await store.commit("t", data, soon());
  await other[Symbol.asyncDispose]();
  expect(await store.find("t")).toMatchObject({ data });
});

it.each([0, 1.5, Number.NaN, "7"])("refuses %s as timeoutMs", (timeoutMs) => {
  expect(() => new MyStore({ port: 1 }, { timeoutMs: timeoutMs as number })).toThrow(/^timeoutMs must be/);
});
