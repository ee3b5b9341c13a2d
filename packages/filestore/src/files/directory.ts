import fs from "node:fs";
import { dirname, join } from "node:path";
import { DirectorySync } from "./directory-sync.js";
import {
  call,
  closeFile,
  fill,
  readDirectory,
  readOn,
  removeFile,
  unlessAbsent,
  writeAll,
} from "./file-calls.js";
import { codeOf } from "./file-error.js";
import { HEADER_BYTES } from "./record.js";
import { Semaphore } from "./semaphore.js";
import { fileOf, isShard, nameOfFile, shardOf } from "./session-name.js";

/** Maximum number of open files: a burst of calls must not exhaust the descriptors of the process. */
const OPEN_FILES = 64;

/** Maximum size of a session file that one read call reads. */
const SCRATCH_BYTES = 8192;

/** Marks a file with invalid content. */
export const DAMAGED: unique symbol = Symbol("damaged");

/** Creates, reads, writes and syncs the files in the directory of a store and its shards. */
export class Directory {
  readonly root: string;
  /** Path of the file with the identity of the store. The locks of shards are links to it. */
  readonly ownerFile: string;
  readonly #identity: string;
  readonly #isFlushed: boolean;
  readonly #semaphore: Semaphore = new Semaphore(OPEN_FILES);
  readonly #syncs: DirectorySync = new DirectorySync(this.#semaphore);
  readonly #scratch: Buffer[] = [];
  #temporaryFiles = 0;
  /** Shards whose names this process knows to be on disk. */
  readonly #flushedShards: Set<string> = new Set();
  /** Directories with new names since their last sync. */
  readonly #unflushed: Set<string> = new Set();

  constructor(root: string, options: { identity: string; isFlushed: boolean }) {
    this.root = root;
    this.#identity = options.identity;
    this.#isFlushed = options.isFlushed;
    this.ownerFile = join(root, `${options.identity}.owner`);
  }

  /** Returns the existing shards, sorted. */
  async shards(): Promise<string[]> {
    return ((await unlessAbsent(readDirectory(this.root))) ?? []).filter(isShard).sort();
  }

  /** Returns the names of the sessions in a shard, each once, even if files are renamed meanwhile. */
  async sessionsOf(shard: string): Promise<string[]> {
    return namesIn((await unlessAbsent(readDirectory(join(this.root, shard)))) ?? []);
  }

  /** Returns the path of a session's file. */
  pathOf(name: string): string {
    return join(this.root, shardOf(name), fileOf(name));
  }

  /**
   * Reads a file and returns the result of `decode`. The content is valid only during `decode`.
   *
   * @returns `undefined` if there is no file, {@link DAMAGED} if `decode` returns `undefined`.
   */
  read<T>(path: string, decode: (content: Buffer) => T | undefined): Promise<T | typeof DAMAGED | undefined> {
    const waiting = this.#semaphore.take();
    return waiting === undefined ? this.#read(path, decode) : waiting.then(() => this.#read(path, decode));
  }

  /** Returns the first bytes of a session file, or all if it is shorter. */
  async readHeader(path: string): Promise<Buffer | undefined> {
    await this.#semaphore.take();
    try {
      const file = await unlessAbsent(call<number>((done) => fs.open(path, "r", done)));
      if (file === undefined) return undefined;
      try {
        const header = Buffer.allocUnsafe(HEADER_BYTES);
        return header.subarray(0, await fill(file, header));
      } finally {
        await closeFile(file).catch(() => undefined); // after reading, a failure to close does not matter
      }
    } finally {
      this.#semaphore.give();
    }
  }

  /** Returns the first bytes of a session file, synchronously: a few microseconds if it is in the system's cache. */
  readHeaderNow(path: string): Buffer | undefined {
    let file: number;
    try {
      file = fs.openSync(path, "r");
    } catch (error) {
      if (codeOf(error) === "ENOENT") return undefined;
      throw error;
    }
    try {
      const header = Buffer.allocUnsafe(HEADER_BYTES);
      return header.subarray(0, fs.readSync(file, header, 0, HEADER_BYTES, 0));
    } finally {
      fs.closeSync(file);
    }
  }

  /** Reads a file by callbacks within one promise, for speed: every call starts with it. */
  #read<T>(
    path: string,
    decode: (content: Buffer) => T | undefined,
  ): Promise<T | typeof DAMAGED | undefined> {
    return new Promise((resolve, reject) => {
      fs.open(path, "r", (error, file) => {
        if (error) {
          this.#semaphore.give();
          if (error.code === "ENOENT") resolve(undefined);
          else reject(error);
          return;
        }
        const scratch = this.#scratch.pop() ?? Buffer.allocUnsafeSlow(SCRATCH_BYTES);
        const end = (): void => {
          this.#scratch.push(scratch);
          // Not awaited: after reading, a failure to close does not matter.
          fs.close(file, () => this.#semaphore.give());
        };
        fs.read(file, scratch, 0, SCRATCH_BYTES, null, (error, count) => {
          if (error) {
            end();
            reject(error);
            return;
          }
          // One call reads a small file completely; the content shows whether it is complete.
          const begun = scratch.subarray(0, count);
          const decoded = decode(begun);
          if (decoded === undefined)
            readOn(file, begun)
              .then((content) => decode(content) ?? DAMAGED)
              .finally(end)
              .then(resolve, reject);
          else {
            end();
            resolve(decoded);
          }
        });
      });
    });
  }

  /** Writes a file with a unique name in the shard, and flushes it if the store is `"flushed"`. */
  async writeTemporary(shard: string, content: Buffer): Promise<string> {
    const name = `${this.#identity}-${(this.#temporaryFiles++).toString(36)}.tmp`;
    const path = join(this.root, shard, name);
    try {
      await this.#write(path, content, this.#isFlushed);
    } catch (error) {
      if (codeOf(error) !== "ENOENT") throw error;
      await this.makeShard(shard);
      await this.#write(path, content, this.#isFlushed);
    }
    return path;
  }

  /**
   * Makes renames and removals in the shard durable, if the store is `"flushed"`: also those of a process that died before
   * it could.
   */
  async flush(shard: string): Promise<void> {
    if (!this.#isFlushed) return;
    await this.#syncs.sync(join(this.root, shard));
    if (!this.#flushedShards.has(shard)) {
      await this.#syncs.sync(this.root);
      this.#flushedShards.add(shard);
    }
    for (const directory of this.#unflushed) {
      await unlessAbsent(this.#syncs.sync(directory)); // a missing directory would have failed above
      this.#unflushed.delete(directory);
    }
  }

  /** Creates the directory of a shard and its parents if they are missing. {@link flush} flushes its content. */
  async makeShard(shard: string): Promise<void> {
    const path = join(this.root, shard);
    const first = await call<string | undefined>((done) =>
      fs.mkdir(path, { recursive: true, mode: 0o700 }, done),
    );
    if (first === undefined) return;
    this.#flushedShards.clear(); // the root may be new
    for (let made = path; made.length >= first.length; made = dirname(made))
      this.#unflushed.add(dirname(made));
  }

  /** Creates the owner file if it is missing. Synced: a power failure must not leave empty locks. */
  async makeOwnerFile(): Promise<void> {
    try {
      await this.#write(this.ownerFile, Buffer.from(this.#identity), true);
    } catch (error) {
      if (codeOf(error) !== "EEXIST") throw error;
    }
  }

  async #write(path: string, content: Buffer, isSynced: boolean): Promise<void> {
    await this.#semaphore.take();
    try {
      const file = await call<number>((done) => fs.open(path, "wx", 0o600, done));
      try {
        try {
          await writeAll(file, content);
          if (isSynced) await call((done) => fs.fdatasync(file, (error) => done(error)));
        } finally {
          await closeFile(file);
        }
      } catch (error) {
        await removeFile(path).catch(() => undefined); // if this fails too, a cleanup removes it
        throw error;
      }
    } finally {
      this.#semaphore.give();
    }
  }
}

/** Returns the names of the sessions among the entries of a shard. */
export function namesIn(entries: readonly string[]): string[] {
  return [...new Set(entries.map(nameOfFile).filter((name) => name !== undefined))];
}
