import { rm } from "node:fs/promises";
import { join } from "node:path";
import type { FullStore, StoreOptions } from "@scs/core";
import { makeDirectory } from "./directory.js";

/** A store of this project, ready to be measured. */
export interface OpenedStore {
  store: FullStore;
  /** Closes the handles and removes the files that the store was given; the store is disposed of before. */
  close?: () => Promise<void>;
}

/** The stores of this project by name. A package is loaded only in the process that measures it. */
export const stores: Record<string, (options: StoreOptions) => Promise<OpenedStore>> = {
  memstore: async (options) => {
    const { MemStore } = await import("@scs/memstore");
    return { store: new MemStore(options) };
  },
  boltstore: async (options) => {
    const { openBoltStore } = await import("@scs/boltstore");
    const directory = await makeDirectory();
    const store = await openBoltStore(join(directory, "sessions.mdb"), options);
    return { store, close: () => rm(directory, { recursive: true }) };
  },
};
