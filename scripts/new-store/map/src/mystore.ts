import type { StoreOptions } from "@scs/core";
import { assertKnownOptions, StoreBase } from "@scs/core/kit";
import { MapBackend } from "./map-backend.js";

export interface MyStoreOptions extends StoreOptions {
  /** @default 60_000 */
  cleanupIntervalMs?: number;
}

/**
 * Keeps sessions in a `Map`; they are gone when the process ends.
 *
 * @throws RangeError or TypeError on construction, if an option is unknown or out of range.
 */
export class MyStore extends StoreBase {
  constructor(options: MyStoreOptions = {}) {
    assertKnownOptions("mystore", options, ["cleanupIntervalMs", "onError", "now"]);
    const { now = () => Date.now(), cleanupIntervalMs = 60_000 } = options;
    super(new MapBackend(now), { ...options, name: "mystore", cleanupIntervalMs });
  }
}
