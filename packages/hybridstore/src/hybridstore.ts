import type { StoreError, StoreOptions } from "@scs/core";
import { StoreBase } from "@scs/core/kit";
import type { HybridBackend } from "./backend.js";

export interface HybridStoreOptions extends StoreOptions {
  /** @default 60_000 */
  cleanupIntervalMs?: number;
  /**
   * When a write resolves: `"flushed"` once it is on disk, to survive a power failure; `"committed"` once the system
   * has it, to survive the death of the process; `"lazy"` at once, to be written within `flushIntervalMs`.
   *
   * @default "flushed"
   */
  durability?: "flushed" | "committed" | "lazy";
  /** How long a write may take, from the moment it was made, from 1 to 2^31 - 1. @default 5_000 */
  timeoutMs?: number;
  /** With `"lazy"`, how long a change waits to be written at most, from 1 to 2^31 - 1. @default 1_000 */
  flushIntervalMs?: number;
  /** A snapshot is saved when the log is larger than this share of the sessions, more than 0. @default 1 */
  snapshotRatio?: number;
  /** Minimum log size in bytes before a snapshot is saved, at least 0. @default 67_108_864 */
  minLogBytes?: number;
}

/** Keeps sessions in memory, and what is changed in a log, so that they are there again after a crash. */
export class HybridStore extends StoreBase {
  /** Made by `openHybridStore` alone. */
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
