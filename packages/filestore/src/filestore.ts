import { resolve } from "node:path";
import { type StoreOptions, warnOncePerCode } from "@scs/core";
import { assertKnownOptions, assertOneOf, assertWholeNumber, StoreBase } from "@scs/core/kit";
import { FileBackend } from "./files/backend.js";
import { MAX_DATA_BYTES } from "./files/record.js";

/** Options of a filestore. */
export interface FileStoreOptions extends StoreOptions {
  /** @default 60_000 */
  cleanupIntervalMs?: number;
  /**
   * When a write resolves: `"flushed"`, when it is on disk and survives a power failure; `"committed"`, when the system
   * has it and it survives the death of this process.
   *
   * @default "flushed"
   */
  durability?: "flushed" | "committed";
  /**
   * Timeout of a call, from the moment it was made: a write waits for the calls before it, and for a lock of another
   * process. From 1 to 2^31 - 1.
   *
   * @default 5_000
   */
  busyTimeoutMs?: number;
}

/** Timeout of a cleanup's step: far longer than a working disk needs for four shards. Its locks time out after `busyTimeoutMs`. */
const STEP_TIMEOUT_MS = 60_000;

const OPTIONS = ["cleanupIntervalMs", "durability", "busyTimeoutMs", "onError", "now"];

/**
 * Keeps each session in a file of its own, in a directory that the processes of one machine can share.
 *
 * @throws RangeError or TypeError on construction, if an option is unknown or out of range.
 */
export class FileStore extends StoreBase {
  /** @param directory Created with its parents by the first write. */
  constructor(directory: string, options: FileStoreOptions = {}) {
    if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
      throw new TypeError("directory must be the path of a directory");
    }
    assertKnownOptions("filestore", options, OPTIONS);
    const {
      cleanupIntervalMs = 60_000,
      onError = warnOncePerCode(),
      now = () => Date.now(),
      durability = "flushed",
      busyTimeoutMs = 5_000,
    } = options;
    assertOneOf("durability", durability, ["flushed", "committed"]);
    assertWholeNumber("busyTimeoutMs", busyTimeoutMs, { min: 1 });
    const backend = new FileBackend(resolve(directory), {
      isFlushed: durability === "flushed",
      busyTimeoutMs,
      onError,
      now,
    });
    super(backend, {
      name: "filestore",
      cleanupIntervalMs,
      timeoutMs: busyTimeoutMs,
      stepTimeoutMs: Math.max(busyTimeoutMs, STEP_TIMEOUT_MS),
      maxDataBytes: MAX_DATA_BYTES,
      onError,
      now,
    });
  }
}
