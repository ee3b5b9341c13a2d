import { type Channel, channel } from "node:diagnostics_channel";

/** Published on the channel `scs.store.cleanup` after each background cleanup, and each `gc()` of a session manager. */
export interface CleanupMessage {
  /** The store that was cleaned up. */
  store: object;
  /** The name of its class, as a label for metrics. */
  name: string;
  /** Number of records removed. */
  removed: number;
  durationMs: number;
}

const cleanups: Channel = channel("scs.store.cleanup");

/**
 * Removes the expired records of a store, and publishes their number on the channel `scs.store.cleanup`.
 *
 * @returns how many records it removed.
 */
export async function cleanUp<S extends { deleteExpired(): Promise<number> }>(store: S): Promise<number> {
  const start = performance.now();
  const removed = await store.deleteExpired();
  if (cleanups.hasSubscribers) {
    const { name } = store.constructor;
    const message: CleanupMessage = { store, name, removed, durationMs: performance.now() - start };
    cleanups.publish(message);
  }
  return removed;
}
