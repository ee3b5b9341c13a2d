import { randomBytes } from "node:crypto";
import { RedisStore } from "@scs/redisstore";
import { StoreInProcess } from "@scs/testkit";
import { openClient, openCluster, openIdleClient, openIdleCluster } from "./fixtures/clients.js";

/** @typedef {{ driver: import("./fixtures/clients.js").DriverName, ports: number[], isCluster: boolean, prefix: string }} Location */
/** @typedef {import("@scs/core").FullStore} FullStore */

/** @type {WeakMap<FullStore, Location>} */
const locations = new WeakMap();
/** @type {<S extends FullStore>(store: S, location: Location) => S} */
const at = (store, location) => {
  locations.set(store, location);
  return store;
};

/** @param {Location} location @param {import("@scs/testkit").OpenOptions} options */
async function openAt({ driver, ports, isCluster, prefix }, options) {
  const { client, close } = isCluster
    ? await openCluster(driver, ports)
    : await openClient(driver, /** @type {number} */ (ports[0]));
  return { store: new RedisStore(client, { ...options, prefix }), client, close };
}

/** Connects from a process of the kit. @type {import("@scs/testkit").Connect<RedisStore>} */
export async function connect(location, options) {
  return (await openAt(/** @type {Location} */ (location), options)).store;
}

/**
 * Opens a store in a process of the kit, on the server that the environment names. Neither the store nor the app's client
 * keeps the process alive.
 *
 * @type {import("@scs/testkit").Open<FullStore>}
 */
export async function open(options) {
  const { driver, ports, isCluster } = JSON.parse(process.env.REDISSTORE_TEST ?? "{}");
  const { client } = isCluster
    ? await openIdleCluster(driver, ports)
    : await openIdleClient(driver, ports[0]);
  return new RedisStore(client, { ...options, prefix: newPrefix() });
}

/** Returns a new prefix: each test has its own. */
export function newPrefix() {
  return `test:${randomBytes(6).toString("hex")}:`;
}

const module = import.meta.url;

/**
 * Describes the store to the kit. The second client has its own connection in this process, or is in another process.
 *
 * @param {() => Omit<Location, "prefix">} where
 * @returns {import("@scs/testkit").ProcessBackend<FullStore>}
 */
export function backend(where, isInProcess = false) {
  /** @type {(location: Location, options: import("@scs/testkit").OpenOptions, scope: import("@scs/testkit").Scope) => Promise<FullStore>} */
  const openIn = async (location, options, scope) => {
    const { store, close } = await openAt(location, options);
    scope.defer(close);
    return at(store, location);
  };
  return {
    open: (options, scope) => openIn({ ...where(), prefix: newPrefix() }, options, scope),
    module,
    another: async (store, options, scope) => {
      const location = /** @type {Location} */ (locations.get(store));
      if (!isInProcess) return openIn(location, options, scope);
      return at(await StoreInProcess.open(module, location, options), location);
    },
  };
}

/** Describes the store to the kit. A crash is a SIGKILL of the store's process. @param {() => Omit<Location, "prefix">} where @returns {import("@scs/testkit").DurableBackend<FullStore>} */
export function durableBackend(where) {
  return {
    async open(options) {
      const location = { ...where(), prefix: newPrefix() };
      return at(await StoreInProcess.open(module, location, options), location);
    },
    async reopen(store, options) {
      const location = /** @type {Location} */ (locations.get(store));
      await /** @type {StoreInProcess} */ (store).kill();
      return at(await StoreInProcess.open(module, location, options), location);
    },
  };
}
