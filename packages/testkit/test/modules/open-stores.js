import { TinyStore } from "./tiny-store.js";

/** @type {Set<TinyStore>} */
const openStores = new Set(); // so that all can be closed when the process ends

/** @type {import("@scs/testkit").Open<TinyStore>} */
export const open = (options) => {
  const store = new TinyStore(options);
  openStores.add(store);
  return store;
};
