import type { FullStore } from "@scs/core";
import { type OpenOptions, type Scope, StoreInProcess, testDurableStore, testFullStore } from "@scs/testkit";
import { describe, it } from "vitest";
import { type HybridStoreOptions, openHybridStore } from "../src/index.js";
import { newDirectory } from "./open.js";

const module = new URL("./open.js", import.meta.url);

/** With `minLogBytes: 0`, snapshots follow each other without a pause. */
const settings: HybridStoreOptions[] = [
  { durability: "flushed" },
  { durability: "committed", minLogBytes: 0, snapshotRatio: 0.001 },
  { durability: "lazy", flushIntervalMs: 1, minLogBytes: 0, snapshotRatio: 0.001 },
];

for (const setting of settings) {
  describe(JSON.stringify(setting), () => {
    testFullStore(it, {
      open: (options, scope) =>
        openHybridStore(newDirectory(scope), { ...options, timeoutMs: 60_000, ...setting }),
      module,
    });
  });
}

for (const durability of ["flushed", "committed"] as const) {
  describe(`${durability}, of a process that is killed`, () => {
    const directories = new WeakMap<FullStore, string>();
    const processes = new Map<string, StoreInProcess>();

    async function connect(directory: string, options: OpenOptions): Promise<FullStore> {
      await processes.get(directory)?.kill(); // the directory has one owner
      const store = await StoreInProcess.open(module, { directory, durability }, options);
      processes.set(directory, store);
      directories.set(store, directory);
      return store;
    }

    testDurableStore(it, {
      open: (options: OpenOptions, scope: Scope) => connect(newDirectory(scope), options),
      reopen: (store: FullStore, options: OpenOptions) => connect(directories.get(store) ?? "", options),
    });
  });
}
