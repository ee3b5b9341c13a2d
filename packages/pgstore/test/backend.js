import { randomBytes } from "node:crypto";
import { PgStore } from "@scs/pgstore";
import { StoreInProcess } from "@scs/testkit";
import pg from "pg";

/** @typedef {{ url: string, schema: string }} Location */
/** @typedef {import("@scs/core").FullStore} FullStore */

/** Each test has a schema of its own, so that a server may be shared; their prefix is that of a run. */
export function newSchema() {
  return `${process.env.PGSTORE_TEST_PREFIX ?? "scs_test"}_${randomBytes(8).toString("hex")}`;
}

/** @type {WeakMap<FullStore, Location>} */
const locations = new WeakMap();
/** @type {<S extends FullStore>(store: S, location: Location) => S} */
const at = (store, location) => {
  locations.set(store, location);
  return store;
};

/**
 * A store on a pool of its own.
 *
 * @param {Location} location
 * @param {import("@scs/testkit").OpenOptions} options
 */
async function openAt({ url, schema }, options) {
  const pool = new pg.Pool({ connectionString: url, max: 4, allowExitOnIdle: true });
  const prepare = process.env.PGSTORE_TEST_PREPARE !== "false"; // behind PgBouncer
  const store = new PgStore(pool, { timeoutMs: 60_000, ...options, schema, prepare });
  await store.createTable();
  return { store, pool };
}

/** For the kit's processes. @type {import("@scs/testkit").Connect<PgStore>} */
export async function connect(location, options) {
  return (await openAt(/** @type {Location} */ (location), options)).store;
}

/** @type {import("@scs/testkit").Open<FullStore>} */
export async function open(options, scope) {
  return openIn({ url: process.env.PGSTORE_TEST_URL ?? "", schema: newSchema() }, options, scope);
}

/** @type {(location: Location, options: import("@scs/testkit").OpenOptions, scope: import("@scs/testkit").Scope) => Promise<FullStore>} */
async function openIn(location, options, scope) {
  const { store, pool } = await openAt(location, options);
  scope.defer(() => pool.end());
  return at(store, location);
}

const module = import.meta.url;

/** The second client is a second pool. @type {import("@scs/testkit").ProcessBackend<FullStore>} */
export const backend = {
  open,
  module,
  another: (store, options, scope) => openIn(/** @type {Location} */ (locations.get(store)), options, scope),
};

/** The second client is another process, and a crash is a SIGKILL of the first. @type {import("@scs/testkit").DurableBackend<FullStore>} */
export const durableBackend = {
  async open(options) {
    const location = { url: process.env.PGSTORE_TEST_URL ?? "", schema: newSchema() };
    return at(await StoreInProcess.open(module, location, options), location);
  },
  async reopen(store, options) {
    const location = /** @type {Location} */ (locations.get(store));
    await /** @type {StoreInProcess} */ (store).kill();
    return at(await StoreInProcess.open(module, location, options), location);
  },
};
