import type { StoreError, StoreOptions } from "@scs/core";
import { StoreBase } from "@scs/core/kit";
import type { HybridBackend } from "./backend.js";

/** Options of a hybridstore. */
export interface HybridStoreOptions extends StoreOptions {
  /** @default 60_000 */
  cleanupIntervalMs?: number;
  /**
   * When a write resolves: `"flushed"`, when it is on disk and survives a power failure; `"committed"`, when the system
   * has it and it survives the death of the process; `"lazy"`, at once, to be written within `flushIntervalMs`.
   *
   * @default "flushed"
   */
  durability?: "flushed" | "committed" | "lazy";
  /** Timeout of a write, from the moment it was made; from 1 to 2^31 - 1. @default 5_000 */
  timeoutMs?: number;
  /** Maximum time before a `"lazy"` change is written; from 1 to 2^31 - 1. @default 1_000 */
  flushIntervalMs?: number;
  /** A snapshot is saved when the log exceeds this share of the size of the sessions; more than 0. @default 1 */
  snapshotRatio?: number;
  /** Minimum log size in bytes before a snapshot is saved, at least 0. @default 67_108_864 */
  minLogBytes?: number;
}

/** Keeps sessions in memory, and their changes in a log that restores them after a crash. */
export class HybridStore extends StoreBase {
  /** For `openHybridStore` only. */
  constructor(
    backend: HybridBackend,
    options: {
      cleanupIntervalMs: number;
      timeoutMs: number;
      onError: (error: StoreError) => void;
      now: () => number;
    },
  ) {
    super(backend, { name: "hybridstore", ...options });
  }
}
