// Opens stores for the kit, on an empty or an existing file.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openBoltStore } from "@scs/boltstore";

/** Long timeouts, for busy machines. */
const patient = { busyTimeoutMs: 60_000 };

/**
 * Returns the path of a file that does not exist yet.
 *
 * @param {import("@scs/testkit").Scope} scope
 */
export function newPath(scope) {
  const directory = mkdtempSync(join(tmpdir(), "scs-boltstore-"));
  scope.defer(() => rmSync(directory, { recursive: true }));
  return join(directory, "sessions.mdb");
}

/** @type {import("@scs/testkit").Open<import("@scs/boltstore").BoltStore>} */
export const open = (options, scope) => openBoltStore(newPath(scope), { ...options, ...patient });

/**
 * At a path, or at `{ path }` with options of the store.
 *
 * @type {import("@scs/testkit").Connect<import("@scs/boltstore").BoltStore>}
 */
export const connect = (location, options) => {
  const { path, ...others } = typeof location === "string" ? { path: location } : Object(location);
  return openBoltStore(path, { ...options, ...patient, ...others });
};
