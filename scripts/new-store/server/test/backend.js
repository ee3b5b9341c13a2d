// Opens stores for the kit: each check has a namespace of its own on one server.
import { randomUUID } from "node:crypto";
import { MyStore } from "@scs/mystore";
import { startServer } from "@scs/mystore/server";
import { StoreInProcess } from "@scs/testkit";

/** @typedef {import("@scs/core").FullStore} FullStore */
/** @typedef {{ port: number, namespace: string }} Location */

/** @type {Promise<import("@scs/mystore/server").RunningServer> | undefined} */
let server; // ends with this process

/** @type {WeakMap<FullStore, Location>} */
const locations = new WeakMap();

/** @type {<S extends FullStore>(location: Location, store: S) => S} */
function remember(location, store) {
  locations.set(store, location);
  return store;
}

/** @type {() => Promise<Location>} */
async function newLocation() {
  server ??= startServer();
  return { port: (await server).port, namespace: randomUUID() };
}

/** @type {(location: unknown, options: import("@scs/testkit").OpenOptions) => MyStore} */
export function connect(location, options) {
  const { port, namespace } = /** @type {Location} */ (location);
  return new MyStore({ port }, { ...options, namespace });
}

/** @type {import("@scs/testkit").Open<FullStore>} */
export async function open(options) {
  const location = await newLocation();
  return remember(location, connect(location, options));
}

const module = import.meta.url;

/** @type {(store: FullStore, options: import("@scs/testkit").OpenOptions) => Promise<FullStore>} */
async function openElsewhere(store, options) {
  const location = /** @type {Location} */ (locations.get(store));
  return remember(location, await StoreInProcess.open(module, location, options));
}

/** The second client is another process. @type {import("@scs/testkit").ProcessBackend<FullStore>} */
export const backend = { open, another: openElsewhere, module };

/** A crash ends the client; the server keeps the acknowledged writes. @type {import("@scs/testkit").DurableBackend<FullStore>} */
export const durableBackend = {
  async open(options) {
    const location = await newLocation();
    return remember(location, await StoreInProcess.open(module, location, options));
  },
  async reopen(store, options) {
    await /** @type {StoreInProcess} */ (store).kill();
    return openElsewhere(store, options);
  },
};
