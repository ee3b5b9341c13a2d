// Opens stores for the kit, in an empty or an existing directory.
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openHybridStore } from "@scs/hybridstore";

/** Long timeouts, for busy machines. */
const patient = { timeoutMs: 60_000 };

/**
 * Makes a directory that is removed after the test.
 *
 * @param {import("@scs/testkit").Scope} scope
 */
export function newDirectory(scope) {
  const directory = mkdtempSync(join(tmpdir(), "scs-hybridstore-"));
  scope.defer(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** @type {import("@scs/testkit").Open<import("@scs/hybridstore").HybridStore>} */
export const open = (options, scope) => openHybridStore(newDirectory(scope), { ...options, ...patient });

/**
 * In a directory, or in that of `{ directory }` with options of the store. A process that is killed in the midst of
 * a write leaves a part of it, which is no damage.
 *
 * @type {import("@scs/testkit").Connect<import("@scs/hybridstore").HybridStore>}
 */
export const connect = (location, options) => {
  const { directory, ...others } = typeof location === "string" ? { directory: location } : Object(location);
  /** @param {import("@scs/core").StoreError} error */
  const onError = (error) => {
    if (!/^hybridstore: log-\S+: the log ends at byte /.test(error.message)) options.onError(error);
  };
  return openHybridStore(directory, { ...options, ...patient, onError, ...others });
};
