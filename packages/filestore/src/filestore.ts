import { resolve } from "node:path";
import {
  assertData,
  assertExpiry,
  assertToken,
  CleanupScheduler,
  type FullStore,
  isToken,
  MAX_DELAY_MS,
  type SessionEntry,
  type SessionRecord,
  StoreError,
  type StoreOptions,
  warnOncePerCode,
} from "@scs/core";
import { TimeSlice } from "@scs/core/kit";
import { reportUnreadable } from "./damaged-file.js";
import { Directory } from "./directory.js";
import { Failures } from "./failures.js";
import { removeFile } from "./file-calls.js";
import { toStoreError } from "./file-error.js";
import { createIdentity } from "./process-identity.js";
import { MAX_DATA_BYTES, type StoredRecord } from "./record.js";
import { Sessions } from "./sessions.js";
import { ShardLock } from "./shard-lock.js";
import { ShardLocks } from "./shard-locks.js";
import { Sweep, sessionsOf, shardsOf } from "./sweep.js";

/** How many files a walk reads at once. */
const READ_AHEAD = 32;

export interface FileStoreOptions extends StoreOptions {
  /** @default 60_000 */
  cleanupIntervalMs?: number;
  /**
   * When a write resolves: `"flushed"` once it is on disk, to survive a power failure; `"committed"` once the system
   * has it, to survive the death of this process.
   *
   * @default "flushed"
   */
  durability?: "flushed" | "committed";
  /** How long a write waits at most for another process that stands still, from 1 to 2^31 - 1. @default 5_000 */
  busyTimeoutMs?: number;
}

/**
 * Keeps each session in a file of its own, in a directory that the processes of one machine can share.
 *
 * @throws RangeError or TypeError on construction, if an option is out of range.
 */
export class FileStore implements FullStore {
  readonly #directory: Directory;
  readonly #sessions: Sessions;
  readonly #locks: ShardLocks;
  readonly #lock: ShardLock;
  readonly #now: () => number;
  readonly #onError: (error: StoreError) => void;
  readonly #cleanup: CleanupScheduler;
  #isClosed = false;

  /** @param directory Is made, with those above it, by the first write. */
  constructor(
    directory: string,
    {
      cleanupIntervalMs = 60_000,
      onError = warnOncePerCode(),
      now = Date.now,
      durability = "flushed",
      busyTimeoutMs = 5_000,
    }: FileStoreOptions = {},
  ) {
    if (typeof directory !== "string" || directory === "" || directory.includes("\0")) {
      throw new TypeError("directory must be the path of a directory");
    }
    if (durability !== "flushed" && durability !== "committed") {
      throw new TypeError(`durability must be "flushed" or "committed", got ${String(durability)}`);
    }
    if (!Number.isInteger(busyTimeoutMs) || busyTimeoutMs < 1 || busyTimeoutMs > MAX_DELAY_MS) {
      throw new RangeError(
        `busyTimeoutMs must be a whole number from 1 to ${MAX_DELAY_MS}, got ${String(busyTimeoutMs)}`,
      );
    }
    const root = resolve(directory);
    const identity = createIdentity();
    const files = new Directory(root, { identity, isFlushed: durability === "flushed" });
    this.#now = now;
    this.#onError = onError;
    this.#directory = files;
    this.#lock = new ShardLock(identity, files.ownerFile);
    this.#locks = new ShardLocks(root, this.#lock, {
      busyTimeoutMs,
      async prepare(shard) {
        await files.makeShard(shard);
        await files.makeOwnerFile();
      },
    });
    this.#sessions = new Sessions(files, this.#locks, { now, onError });
    this.#cleanup = new CleanupScheduler(this, { cleanupIntervalMs, onError });
  }

  async find(token: string): Promise<SessionRecord | undefined> {
    this.#assertOpen();
    if (!isToken(token)) return undefined;
    const record = await this.#sessions.find(token);
    return record && { data: record.data, expiry: new Date(record.expiry) };
  }

  async commit(token: string, data: Uint8Array, expiry: Date): Promise<void> {
    this.#assertOpen();
    assertToken(token);
    assertStorable(data);
    assertExpiry(expiry);
    await this.#sessions.write(token, data, expiry.getTime());
  }

  async delete(token: string): Promise<void> {
    this.#assertOpen();
    if (isToken(token)) await this.#sessions.remove(token);
  }

  async replace(
    token: string,
    previous: Uint8Array | undefined,
    data: Uint8Array,
    expiry: Date,
  ): Promise<boolean> {
    this.#assertOpen();
    if (previous !== undefined) assertData(previous);
    assertStorable(data);
    assertExpiry(expiry);
    if (!isToken(token)) return false;
    const expected = previous && Buffer.from(previous); // copies: the caller may change them by then
    const next = { data: Buffer.from(data), expiry: expiry.getTime() };
    return this.#sessions.change(token, (live) => {
      const isExpected = live && expected ? expected.equals(live.data) : live === expected;
      return isExpected ? next : "nothing changes";
    });
  }

  async touch(token: string, expiry: Date): Promise<boolean> {
    this.#assertOpen();
    assertExpiry(expiry);
    if (!isToken(token)) return false;
    const ms = expiry.getTime();
    return this.#sessions.change(token, (live) =>
      live ? { data: live.data, expiry: ms } : "nothing changes",
    );
  }

  async *entries(): AsyncIterableIterator<SessionEntry> {
    this.#assertOpen();
    await this.#sessions.settle();
    const slice = new TimeSlice();
    const failures = new Failures((error) => reportUnreadable(this.#onError, error));
    let met = 0;
    for (const shard of await this.#attempt(shardsOf(this.#directory))) {
      const names = await this.#attempt(sessionsOf(this.#directory, shard));
      for (let start = 0; start < names.length; start += READ_AHEAD) {
        const read = names.slice(start, start + READ_AHEAD).map((name) => this.#sessions.findNamed(name));
        met += read.length;
        for (const record of await failures.settle(read)) {
          this.#assertOpen(); // a walk that disposal has cut short must not look like a complete one
          if (record !== undefined && record.expiry > this.#now()) yield toEntry(record);
          if (slice.isOver) await slice.next();
        }
      }
    }
    this.#assertOpen();
    // A disk of which not one file can be read must not look like an empty store.
    if (failures.passedOver === met) failures.throwFirst();
  }

  async all(): Promise<Map<string, Uint8Array>> {
    const live = new Map<string, Uint8Array>();
    for await (const { token, data } of this.entries()) live.set(token, data);
    return live;
  }

  async deleteExpired(): Promise<number> {
    this.#assertOpen();
    await this.#sessions.settle();
    const sweep = new Sweep(this.#directory, this.#sessions.expired, this.#locks, this.#lock);
    return this.#attempt(sweep.run(() => this.#isClosed));
  }

  async stopCleanup(): Promise<void> {
    await this.#cleanup.stop();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    await this.#cleanup.stop();
    await this.#sessions.idle();
    await this.#locks.idle();
    await removeFile(this.#directory.ownerFile).catch(() => undefined); // nothing depends on it: a cleanup removes it
  }

  #assertOpen(): void {
    if (this.#isClosed)
      throw new StoreError("CLOSED", "filestore: the store has been disposed of; open a new one");
  }

  async #attempt<T>(result: Promise<T>): Promise<T> {
    try {
      return await result;
    } catch (cause) {
      throw toStoreError(cause);
    }
  }
}

function assertStorable(data: unknown): asserts data is Uint8Array {
  assertData(data);
  if (data.length > MAX_DATA_BYTES)
    throw new StoreError("INVALID_ARGUMENT", `filestore: data must be at most ${MAX_DATA_BYTES} bytes`);
}

function toEntry({ token, data, expiry }: StoredRecord): SessionEntry {
  return { token, data, expiry: new Date(expiry) };
}
