import type { FullStore } from "@scs/core";
import {
  type It,
  type OpenOptions,
  type Scope,
  StoreInProcess,
  testDurableStore,
  testFullStore,
} from "@scs/testkit";
import { describe, it } from "vitest";
import { FileStore } from "../src/index.js";
import { newPath } from "./open.js";

const module = new URL("./open.js", import.meta.url);
const paths: WeakMap<FullStore, string> = new WeakMap();

function remember(store: FullStore, path: string): FullStore {
  paths.set(store, path);
  return store;
}

const another = async (store: FullStore, options: OpenOptions): Promise<FullStore> => {
  const path = paths.get(store) ?? "";
  const location = { path, durability: "committed" };
  return remember(await StoreInProcess.open(module, location, options), path);
};

/** A long timeout: the interleavings make thousands of calls that contend for few locks. */
const patiently: It = (name, run) => it(name, { timeout: 180_000 }, run);

describe("of two processes", () => {
  testFullStore(patiently, {
    async open(options, scope) {
      const path = newPath(scope);
      return remember(
        new FileStore(path, { ...options, durability: "committed", busyTimeoutMs: 60_000 }),
        path,
      );
    },
    another,
    module,
  });
});

describe("of a process that is killed", () => {
  testDurableStore(patiently, {
    async open(options: OpenOptions, scope: Scope): Promise<FullStore> {
      const path = newPath(scope);
      return remember(await StoreInProcess.open(module, path, options), path);
    },
    async reopen(store: FullStore, options: OpenOptions): Promise<FullStore> {
      await (store as StoreInProcess).kill();
      return another(store, options);
    },
  });
});
