import { join } from "node:path";
import type { StoreError } from "@scs/core";
import { reportDamage, setAside } from "./damaged-file.js";
import { DAMAGED, type Directory } from "./directory.js";
import { isPresent, removeFile, renameFile } from "./file-calls.js";
import { toStoreError } from "./file-error.js";
import { decodeHeader, decodeRecord, encodeRecord, type Header, type StoredRecord } from "./record.js";
import { fileOf, nameOf, shardOf } from "./session-name.js";
import type { ShardLocks } from "./shard-locks.js";
import { TokenQueue } from "./token-queue.js";

/** What a change is to leave: a record, no record, or what is there. */
export type Change = { data: Uint8Array; expiry: number } | "nothing changes";

/** The sessions, each a file. Calls for one session are made one after the other, in the order asked for. */
export class Sessions {
  readonly #directory: Directory;
  readonly #locks: ShardLocks;
  readonly #now: () => number;
  readonly #onError: (error: StoreError) => void;
  readonly #queue: TokenQueue = new TokenQueue();

  constructor(
    directory: Directory,
    locks: ShardLocks,
    options: { now: () => number; onError: (error: StoreError) => void },
  ) {
    this.#directory = directory;
    this.#locks = locks;
    this.#now = options.now;
    this.#onError = options.onError;
  }

  find(token: string): Promise<StoredRecord | undefined> {
    const name = nameOf(token);
    return this.#run(name, () => this.#live(name, token));
  }

  /** Gives the live record of a file that was met on a walk. */
  findNamed(name: string): Promise<StoredRecord | undefined> {
    return this.#run(name, () => this.#live(name));
  }

  /** Writes the record: the content is made before it returns. */
  write(token: string, data: Uint8Array, expiry: number): Promise<void> {
    const name = nameOf(token);
    const content = encodeRecord(token, data, expiry);
    return this.#run(name, async () => {
      if (expiry <= this.#now()) await this.#remove(name);
      else await this.#publish(name, content, async () => true);
    });
  }

  remove(token: string): Promise<void> {
    const name = nameOf(token);
    return this.#run(name, () => this.#remove(name));
  }

  /**
   * Makes of the live record what `change` says, in one step against every other process, and tells whether it
   * was to be changed. `change` is asked again if another process was faster.
   */
  change(token: string, change: (live: StoredRecord | undefined) => Change): Promise<boolean> {
    const name = nameOf(token);
    return this.#run(name, async () => {
      const live = await this.#live(name, token);
      const next = change(live);
      if (next === "nothing changes") return false; // as it was at the instant of reading, and that needs no lock
      if (next.expiry > this.#now()) {
        // Written and synced before the lock is taken, for as long as nobody else changes the record.
        const content = encodeRecord(token, next.data, next.expiry);
        const isSame = async (): Promise<boolean> => isEqual(live, await this.#peek(name));
        if (await this.#publish(name, content, isSame)) return true;
      }
      return this.#changeLocked(token, name, change);
    });
  }

  /** Whether the header of the file says that its record has expired; nothing more of the file is read. */
  async hasExpired(name: string): Promise<boolean> {
    const header = toHeader(await this.#directory.readHeader(this.#path(name)));
    if (header === DAMAGED) await this.findNamed(name); // sets it aside
    return this.#isOver(header);
  }

  /** The same at once, on the event loop; `undefined` if the header is damaged. */
  hasExpiredNow(name: string): boolean | undefined {
    const header = toHeader(this.#directory.readHeaderNow(this.#path(name)));
    return header === DAMAGED ? undefined : this.#isOver(header);
  }

  /** Removes those of the files, all of one shard, whose records have expired, and gives how many it were. */
  async removeExpired(shard: string, names: readonly string[]): Promise<number> {
    const removals: Promise<boolean>[] = [];
    const left: string[] = [];
    const outcomes = await this.#locks.run(shard, () => {
      for (const name of names) {
        // To wait for a call under the lock, one that may be waiting for the lock, could be for ever.
        const hasExpired = this.#queue.isBusy(name) ? undefined : this.hasExpiredNow(name);
        if (hasExpired) removals.push(this.#queue.run(name, () => removeFile(this.#path(name))));
        else if (hasExpired === undefined) left.push(name);
      }
      return Promise.allSettled(removals);
    });
    let removed = 0;
    for (const outcome of outcomes) {
      if (outcome.status === "rejected") throw outcome.reason;
      if (outcome.value) removed++;
    }
    const removeNow = async (name: string): Promise<boolean> =>
      this.hasExpiredNow(name) === true && removeFile(this.#path(name));
    for (const name of left) {
      if (!(await this.hasExpired(name))) continue;
      if (await this.#run(name, () => this.#locks.run(shard, () => removeNow(name)))) removed++;
    }
    return removed;
  }

  /** Resolves when all that was asked for until now is done. */
  settle(): Promise<void> {
    return this.#queue.settle();
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#queue.idle();
  }

  #path(name: string): string {
    return join(this.#directory.root, shardOf(name), fileOf(name));
  }

  #run<T>(name: string, work: () => Promise<T>): Promise<T> {
    return this.#queue.run(name, async () => {
      try {
        return await work();
      } catch (cause) {
        throw toStoreError(cause);
      }
    });
  }

  #read(name: string, token?: string): Promise<StoredRecord | typeof DAMAGED | undefined> {
    return this.#directory.read(this.#path(name), (content) => {
      const record = decodeRecord(content);
      // A whole file under the name of another session is no session either.
      const isOwn = token === undefined ? record && nameOf(record.token) === name : record?.token === token;
      return isOwn ? record : undefined;
    });
  }

  #isOver(header: Header | typeof DAMAGED | undefined): boolean {
    return header !== undefined && header !== DAMAGED && header.expiry <= this.#now();
  }

  #onlyLive(record: StoredRecord | undefined): StoredRecord | undefined {
    return record !== undefined && record.expiry > this.#now() ? record : undefined;
  }

  /** The live record; a file that is damaged is set aside. Not under the lock of the shard. */
  async #live(name: string, token?: string): Promise<StoredRecord | undefined> {
    const found = await this.#read(name, token);
    return this.#onlyLive(found === DAMAGED ? await this.#setAside(name) : found);
  }

  /** Sets a damaged file aside, unless by now there is a whole one, which it gives. */
  async #setAside(name: string): Promise<StoredRecord | undefined> {
    try {
      const found = await this.#locks.run(shardOf(name), async () => {
        const again = await this.#read(name);
        if (again === DAMAGED) await setAside(this.#path(name));
        return again;
      });
      if (found !== DAMAGED) return found;
      reportDamage(this.#onError);
    } catch (cause) {
      reportDamage(this.#onError, { cause });
    }
    return undefined;
  }

  /** The live record, under the lock of the shard. A file that is damaged stays for who meets it next. */
  async #peek(name: string): Promise<StoredRecord | undefined> {
    const found = await this.#read(name);
    return this.#onlyLive(found === DAMAGED ? undefined : found);
  }

  /** Writes the content beside the file and, if `isAllowed` under the lock, makes it the file. */
  async #publish(name: string, content: Buffer, isAllowed: () => Promise<boolean>): Promise<boolean> {
    const shard = shardOf(name);
    const temporary = await this.#directory.writeTemporary(shard, content);
    let isPublished = false;
    try {
      await this.#locks.run(shard, async () => {
        if (!(await isAllowed())) return;
        await renameFile(temporary, this.#path(name));
        isPublished = true;
      });
    } finally {
      if (!isPublished) await removeFile(temporary).catch(() => undefined); // if not, a cleanup does it later
    }
    if (isPublished) await this.#directory.settle(shard);
    return isPublished;
  }

  async #remove(name: string): Promise<void> {
    if (!(await isPresent(this.#path(name)))) return; // absence at this instant needs no lock
    const shard = shardOf(name);
    const isRemoved = await this.#locks.run(shard, () => removeFile(this.#path(name)));
    if (isRemoved) await this.#directory.settle(shard);
  }

  /** The same as `change`, all of it under the lock: no other process comes between. */
  async #changeLocked(
    token: string,
    name: string,
    change: (live: StoredRecord | undefined) => Change,
  ): Promise<boolean> {
    const shard = shardOf(name);
    const isChanged = await this.#locks.run(shard, async () => {
      const next = change(await this.#peek(name));
      if (next === "nothing changes") return false;
      if (next.expiry <= this.#now()) {
        await removeFile(this.#path(name));
        return true;
      }
      const content = encodeRecord(token, next.data, next.expiry);
      const temporary = await this.#directory.writeTemporary(shard, content);
      try {
        await renameFile(temporary, this.#path(name));
      } catch (error) {
        await removeFile(temporary).catch(() => undefined);
        throw error;
      }
      return true;
    });
    if (isChanged) await this.#directory.settle(shard);
    return isChanged;
  }
}

function toHeader(content: Buffer | undefined): Header | typeof DAMAGED | undefined {
  return content && (decodeHeader(content) ?? DAMAGED);
}

function isEqual(one: StoredRecord | undefined, other: StoredRecord | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.expiry === other.expiry && Buffer.compare(one.data, other.data) === 0;
}
