import type { SessionEntry, SessionRecord, StoreError } from "@scs/core";
import type { Answer, Backend, Call } from "@scs/core/kit";
import { createIdentity } from "../lock/identity.js";
import { ShardLock } from "../lock/shard-lock.js";
import { ShardLocks } from "../lock/shard-locks.js";
import { Cleanup } from "./cleanup.js";
import { reportDamage, reportUnreadable, setAside } from "./damaged-file.js";
import { DAMAGED, Directory } from "./directory.js";
import { Failures } from "./failures.js";
import { isPresent, removeFile, renameFile, unlessAbsent } from "./file-calls.js";
import { toStoreError } from "./file-error.js";
import { decodeRecord, encodeRecord, type StoredRecord } from "./record.js";
import { nameOf, shardOf } from "./session-name.js";

export interface FileBackendOptions {
  isFlushed: boolean;
  busyTimeoutMs: number;
  onError: (error: StoreError) => void;
  now: () => number;
}

/** Number of files that an iteration reads at once. */
const READ_AHEAD = 32;

/** The result of a call for its session: a new record, or no change. */
type Change = { data: Uint8Array; expiry: number } | "nothing changes";

/** Keeps each session in a file, which each of its calls reads or writes. */
export class FileBackend implements Backend {
  /** Unlimited: a call that waits for the lock of its shard must not delay calls for other shards. */
  readonly concurrency: number = Number.POSITIVE_INFINITY;
  readonly #directory: Directory;
  readonly #locks: ShardLocks;
  readonly #lock: ShardLock;
  readonly #options: FileBackendOptions;
  readonly #now: () => number;

  constructor(root: string, options: FileBackendOptions) {
    const identity = createIdentity();
    const directory = new Directory(root, { identity, isFlushed: options.isFlushed });
    this.#directory = directory;
    this.#options = options;
    this.#now = options.now;
    this.#lock = new ShardLock(identity, directory.ownerFile);
    this.#locks = new ShardLocks(root, this.#lock, {
      busyTimeoutMs: options.busyTimeoutMs,
      async prepare(shard) {
        await directory.makeShard(shard);
        await directory.makeOwnerFile();
      },
    });
  }

  async execute(call: Call): Promise<Answer> {
    const { kind, token, deadline } = call;
    const name = nameOf(token);
    switch (kind) {
      case "find":
        return toRecord(await this.#live(name, token));
      case "commit":
        return this.#commit(name, encodeRecord(token, call.data, call.expiry), call.expiry, deadline);
      case "delete":
        return this.#remove(name, deadline);
      case "replace": {
        const { previous, data, expiry } = call;
        return this.#change({ name, token, deadline }, (live) => {
          const isExpected = live && previous ? Buffer.compare(previous, live.data) === 0 : live === previous;
          return isExpected ? { data, expiry } : "nothing changes";
        });
      }
      case "touch":
        return this.#change({ name, token, deadline }, (live) =>
          live ? { data: live.data, expiry: call.expiry } : "nothing changes",
        );
    }
  }

  lateMessage({ kind, token }: Call): string | undefined {
    if (kind === "find" || !this.#locks.isWaitedFor(shardOf(nameOf(token)))) return undefined;
    return `another process has kept the lock of a shard for ${this.#options.busyTimeoutMs} ms`;
  }

  async *pages(): AsyncGenerator<Iterable<SessionEntry>, void> {
    const failures = new Failures((error) => reportUnreadable(this.#options.onError, error));
    let met = 0;
    for (const shard of await this.#directory.shards()) {
      const names = await this.#directory.sessionsOf(shard);
      for (let start = 0; start < names.length; start += READ_AHEAD) {
        const read = names.slice(start, start + READ_AHEAD).map((name) => this.#live(name));
        met += read.length;
        const records = await failures.settle(read);
        yield records.filter((record) => record !== undefined).map(toEntry);
      }
    }
    // A disk without a readable file must not look like an empty store.
    if (failures.passedOver === met) failures.throwFirst();
  }

  removeExpired(isOver: () => boolean): AsyncGenerator<number, void> {
    const cleanup = new Cleanup(this.#directory, this.#locks, this.#lock, {
      now: this.#now,
      setAside: (name) => this.#live(name), // sets a damaged file aside
    });
    return cleanup.run(isOver);
  }

  async close(): Promise<void> {
    await this.#locks.idle();
    await removeFile(this.#directory.ownerFile).catch(() => undefined); // if this fails, a cleanup removes it
  }

  toStoreError(error: unknown): StoreError {
    return toStoreError(error);
  }

  async #commit(name: string, content: Buffer, expiry: number, deadline: number): Promise<undefined> {
    if (expiry <= this.#now()) await this.#remove(name, deadline);
    else await this.#publish(name, content, deadline, async () => true);
  }

  async #remove(name: string, deadline: number): Promise<undefined> {
    const shard = shardOf(name);
    const path = this.#directory.pathOf(name);
    // Absence needs no lock. It may be a removal that was not flushed: this call flushes it.
    if (await isPresent(path)) await this.#locks.run(shard, deadline, () => removeFile(path));
    await unlessAbsent(this.#directory.flush(shard)); // a missing directory has nothing to flush
  }

  /**
   * Replaces the live record by the result of `change`, atomically against every other process. Returns whether it was
   * changed. Calls `change` again if another process was faster.
   */
  async #change(
    { name, token, deadline }: { name: string; token: string; deadline: number },
    change: (live: StoredRecord | undefined) => Change,
  ): Promise<boolean> {
    const live = await this.#live(name, token);
    const next = change(live);
    if (next === "nothing changes") return false; // true at the instant of reading; needs no lock
    if (next.expiry > this.#now()) {
      // Written and synced before taking the lock, unless another process changes the record.
      const content = encodeRecord(token, next.data, next.expiry);
      const isSame = async (): Promise<boolean> => isEqual(live, await this.#peek(name));
      if (await this.#publish(name, content, deadline, isSame)) return true;
    }
    const shard = shardOf(name);
    const path = this.#directory.pathOf(name);
    const isChanged = await this.#locks.run(shard, deadline, async () => {
      const next = change(await this.#peek(name));
      if (next === "nothing changes") return false;
      if (next.expiry <= this.#now()) {
        await removeFile(path);
        return true;
      }
      const content = encodeRecord(token, next.data, next.expiry);
      const temporary = await this.#directory.writeTemporary(shard, content);
      try {
        await renameFile(temporary, path);
      } catch (error) {
        await removeFile(temporary).catch(() => undefined);
        throw error;
      }
      return true;
    });
    if (isChanged) await this.#directory.flush(shard);
    return isChanged;
  }

  /** Writes the content to a temporary file and renames it, if `isAllowed` under the lock. */
  async #publish(
    name: string,
    content: Buffer,
    deadline: number,
    isAllowed: () => Promise<boolean>,
  ): Promise<boolean> {
    const shard = shardOf(name);
    const temporary = await this.#directory.writeTemporary(shard, content);
    let isPublished = false;
    try {
      await this.#locks.run(shard, deadline, async () => {
        if (!(await isAllowed())) return;
        await renameFile(temporary, this.#directory.pathOf(name));
        isPublished = true;
      });
    } finally {
      if (!isPublished) await removeFile(temporary).catch(() => undefined); // if this fails, a cleanup removes it
    }
    if (isPublished) await this.#directory.flush(shard);
    return isPublished;
  }

  #read(name: string, token?: string): Promise<StoredRecord | typeof DAMAGED | undefined> {
    return this.#directory.read(this.#directory.pathOf(name), (content) => {
      const record = decodeRecord(content);
      // A valid file under the name of another session is no session.
      const isOwn = token === undefined ? record && nameOf(record.token) === name : record?.token === token;
      return isOwn ? record : undefined;
    });
  }

  #onlyLive(record: StoredRecord | undefined): StoredRecord | undefined {
    return record !== undefined && record.expiry > this.#now() ? record : undefined;
  }

  /** Reads the live record, and sets a damaged file aside. Not for use under the lock of the shard. */
  async #live(name: string, token?: string): Promise<StoredRecord | undefined> {
    const found = await this.#read(name, token);
    return this.#onlyLive(found === DAMAGED ? await this.#setAside(name) : found);
  }

  /** Reads the live record under the lock of the shard. Leaves a damaged file to the next call without the lock. */
  async #peek(name: string): Promise<StoredRecord | undefined> {
    const found = await this.#read(name);
    return this.#onlyLive(found === DAMAGED ? undefined : found);
  }

  /** Sets a damaged file aside. If it has been replaced by a valid one meanwhile, returns its record. */
  async #setAside(name: string): Promise<StoredRecord | undefined> {
    const { onError } = this.#options;
    try {
      const found = await this.#locks.runAlone(shardOf(name), async () => {
        const again = await this.#read(name);
        if (again === DAMAGED) await setAside(this.#directory.pathOf(name));
        return again;
      });
      if (found !== DAMAGED) return found;
      reportDamage(onError);
    } catch (cause) {
      reportDamage(onError, { cause });
    }
    return undefined;
  }
}

const toRecord = (record: StoredRecord | undefined): SessionRecord | undefined =>
  record && { data: record.data, expiry: new Date(record.expiry) };

const toEntry = ({ token, data, expiry }: StoredRecord): SessionEntry => ({
  token,
  data,
  expiry: new Date(expiry),
});

function isEqual(one: StoredRecord | undefined, other: StoredRecord | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.expiry === other.expiry && Buffer.compare(one.data, other.data) === 0;
}
