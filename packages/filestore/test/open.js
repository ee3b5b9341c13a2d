// Opens stores for the kit, in a new or an existing directory.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FileStore } from "@scs/filestore";

/** Long timeouts, for busy machines. */
const patient = { busyTimeoutMs: 60_000 };

/**
 * Makes the path of a directory that is not there yet.
 *
 * @param {import("@scs/testkit").Scope} scope
 */
export function newPath(scope) {
  const directory = mkdtempSync(join(tmpdir(), "scs-filestore-"));
  scope.defer(() => rmSync(directory, { recursive: true }));
  return join(directory, "sessions");
}

/** @type {import("@scs/testkit").Open<import("@scs/filestore").FileStore>} */
export const open = (options, scope) => new FileStore(newPath(scope), { ...options, ...patient });

/**
 * At a path, or at `{ path }` with options of the store.
 *
 * @type {import("@scs/testkit").Connect<import("@scs/filestore").FileStore>}
 */
export const connect = (location, options) => {
  const { path, ...others } = typeof location === "string" ? { path: location } : Object(location);
  return new FileStore(path, { ...options, ...patient, ...others });
};
