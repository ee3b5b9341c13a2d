import { rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openSqlStore } from "@scs/sqlstore";
import { StoreInProcess } from "@scs/testkit";

/** @typedef {import("@scs/core").FullStore} FullStore */

/**
 * How the kit opens a store of a driver: on a file of its own, with another process as the second client, and a
 * crash that is a SIGKILL. `module` is what those processes load: it exports this `open` and `connect`.
 *
 * @param {"sqlite3" | "better-sqlite3" | "node:sqlite"} driver
 * @param {string} module
 */
export function backendOf(driver, module) {
  /** @type {WeakMap<FullStore, string>} */
  const paths = new WeakMap();
  /** @type {<S extends FullStore>(store: S, path: string) => S} */
  const at = (store, path) => {
    paths.set(store, path);
    return store;
  };

  /**
   * At a path, or at `{ path }` with options of the store.
   *
   * @type {import("@scs/testkit").Connect<import("@scs/sqlstore").SqlStore>}
   */
  const connect = (location, options) => {
    const { path, ...others } = typeof location === "string" ? { path: location } : Object(location);
    return openSqlStore(path, { busyTimeoutMs: 60_000, ...options, ...others, driver });
  };

  /** @type {import("@scs/testkit").Open<FullStore>} */
  const open = async (options, scope) => {
    const path = await newPath(scope);
    return at(await connect(path, options), path);
  };

  /** @type {import("@scs/testkit").ProcessBackend<FullStore>} */
  const backend = {
    open,
    module,
    another: (store, options) => StoreInProcess.open(module, paths.get(store), options),
  };

  /** @type {import("@scs/testkit").DurableBackend<FullStore>} */
  const durableBackend = {
    async open(options, scope) {
      const path = await newPath(scope);
      return at(await StoreInProcess.open(module, path, options), path);
    },
    async reopen(store, options) {
      const path = paths.get(store) ?? "";
      await /** @type {StoreInProcess} */ (store).kill();
      return at(await StoreInProcess.open(module, path, options), path);
    },
  };

  return { open, connect, backend, durableBackend };
}

/**
 * A path in a folder that is removed after the check. At the exit of a process only what is synchronous is done.
 *
 * @param {import("@scs/testkit").Scope} scope
 */
async function newPath(scope) {
  const folder = await mkdtemp(join(tmpdir(), "scs-sqlstore-"));
  scope.defer(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  return join(folder, "sessions.db");
}
