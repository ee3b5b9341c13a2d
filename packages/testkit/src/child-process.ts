// The main module of the processes that run-in-process.ts starts: child-process.js SCENARIO MODULE.
import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import type { ExpiringStore, StoreError } from "@scs/core";
import type { Open } from "./check.js";
import type { Scenario } from "./process-scenario.js";

const [scenario, module] = process.argv.slice(2) as [Scenario, string];
const { open } = (await import(module)) as { open: Open<ExpiringStore> };
process.channel?.unref(); // the channel to the parent must not keep this process alive

const opening = { cleanupIntervalMs: 60_000 }; // no clock: the store uses its own
const tidyUp: (() => unknown)[] = [];
const scope = { defer: (tidy: () => unknown): void => void tidyUp.unshift(tidy) };

/** Opens a store, uses it, and drops the last reference to it. */
async function openAndDrop(errorHandlerRefersToIt: boolean): Promise<WeakRef<ExpiringStore>> {
  const holder: { store?: ExpiringStore; errors: StoreError[] } = { errors: [] };
  const onError = (error: StoreError): void => {
    holder.errors.push(error);
  };
  const store = await open({ ...opening, onError }, scope);
  if (errorHandlerRefersToIt) holder.store = store;
  await store.commit("t", new Uint8Array(10), new Date(Date.now() + 60_000));
  await store.find("t");
  return new WeakRef(store);
}

async function assertCollected(dropped: WeakRef<ExpiringStore>): Promise<void> {
  assert.ok(globalThis.gc, "the process needs --expose-gc");
  for (let turn = 0; turn < 50 && dropped.deref() !== undefined; turn++) {
    await setImmediate();
    globalThis.gc();
  }
  if (dropped.deref() !== undefined) assert.fail("the store is still held after it was dropped");
}

const idle = (): string[] => process.getActiveResourcesInfo().filter((name) => name === "Timeout");

process.once("exit", () => {
  for (const tidy of tidyUp) void tidy();
});
switch (scenario) {
  case "ends by itself": {
    const before = idle().length;
    const store = await open({ ...opening, onError: (error) => assert.fail(error) }, scope);
    await store.commit("t", new Uint8Array(10), new Date(Date.now() + 60_000));
    await setImmediate();
    // Node.js lists only resources that keep the event loop alive. A timer of the store must not be among them.
    if (idle().length !== before) assert.fail("a timer of the store holds the process");
    break; // the store stays open, as in an app that does not close it, and the process must still end
  }
  case "is collected":
    await assertCollected(await openAndDrop(false));
    break;
  case "is collected while onError refers to it":
    await assertCollected(await openAndDrop(true));
    break;
  default:
    assert.fail(`no such scenario: ${String(scenario satisfies never)}`);
}
if (scenario !== "ends by itself") process.exit(); // only that scenario tests the end of the process
