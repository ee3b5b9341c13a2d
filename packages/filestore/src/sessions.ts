import type { StoreError } from "@scs/core";
import { reportDamage, setAside } from "./damaged-file.js";
import { DAMAGED, type Directory } from "./directory.js";
import { ExpiredSessions } from "./expired-sessions.js";
import { isPresent, removeFile, renameFile } from "./file-calls.js";
import { toStoreError } from "./file-error.js";
import { decodeRecord, encodeRecord, type StoredRecord } from "./record.js";
import { nameOf, shardOf } from "./session-name.js";
import type { ShardLocks } from "./shard-locks.js";
import { TokenQueue } from "./token-queue.js";

/** What a change is to leave: a record, no record, or what is there. */
export type Change = { data: Uint8Array; expiry: number } | "nothing changes";

/** The sessions, each a file. Calls for one session are made one after the other, in the order asked for. */
export class Sessions {
  readonly expired: ExpiredSessions;
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
    this.expired = new ExpiredSessions(directory, locks, this.#queue, {
      now: options.now,
      setAside: (name) => this.findNamed(name), // it does so with what it finds damaged
    });
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

  /** Resolves when all that was asked for until now is done. */
  settle(): Promise<void> {
    return this.#queue.settle();
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    return this.#queue.idle();
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
    return this.#directory.read(this.#directory.pathOf(name), (content) => {
      const record = decodeRecord(content);
      // A whole file under the name of another session is no session either.
      const isOwn = token === undefined ? record && nameOf(record.token) === name : record?.token === token;
      return isOwn ? record : undefined;
    });
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
        if (again === DAMAGED) await setAside(this.#directory.pathOf(name));
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
        await renameFile(temporary, this.#directory.pathOf(name));
        isPublished = true;
      });
    } finally {
      if (!isPublished) await removeFile(temporary).catch(() => undefined); // if not, a cleanup does it later
    }
    if (isPublished) await this.#directory.settle(shard);
    return isPublished;
  }

  async #remove(name: string): Promise<void> {
    if (!(await isPresent(this.#directory.pathOf(name)))) return; // absence at this instant needs no lock
    const shard = shardOf(name);
    const isRemoved = await this.#locks.run(shard, () => removeFile(this.#directory.pathOf(name)));
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
        await removeFile(this.#directory.pathOf(name));
        return true;
      }
      const content = encodeRecord(token, next.data, next.expiry);
      const temporary = await this.#directory.writeTemporary(shard, content);
      try {
        await renameFile(temporary, this.#directory.pathOf(name));
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

function isEqual(one: StoredRecord | undefined, other: StoredRecord | undefined): boolean {
  if (one === undefined || other === undefined) return one === other;
  return one.expiry === other.expiry && Buffer.compare(one.data, other.data) === 0;
}
