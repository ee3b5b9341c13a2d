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

/** How many files are open at once, at most; a burst of calls must not use up those of the process. */
const OPEN_FILES = 64;

/** Session files are read at one go up to this size. */
const SCRATCH_BYTES = 8192;

/** What a file is that cannot be read back. */
export const DAMAGED: unique symbol = Symbol("damaged");

/** The directory of a store, with its shards: makes, reads, writes and syncs what is in it. */
export class Directory {
  readonly root: string;
  /** Holds the identity of the store; the locks of shards are links to it. */
  readonly ownerFile: string;
  readonly #identity: string;
  readonly #isFlushed: boolean;
  readonly #semaphore: Semaphore = new Semaphore(OPEN_FILES);
  readonly #syncs: DirectorySync = new DirectorySync(this.#semaphore);
  readonly #scratch: Buffer[] = [];
  #temporaryFiles = 0;
  /** Shards whose name in the root is on the disk, as far as this process knows. */
  readonly #flushedShards: Set<string> = new Set();
  /** Directories that have a new name in them, and were not synced since. */
  readonly #unflushed: Set<string> = new Set();

  constructor(root: string, options: { identity: string; isFlushed: boolean }) {
    this.root = root;
    this.#identity = options.identity;
    this.#isFlushed = options.isFlushed;
    this.ownerFile = join(root, `${options.identity}.owner`);
  }

  /** The shards there are, in the order of their names. */
  async shards(): Promise<string[]> {
    return ((await unlessAbsent(readDirectory(this.root))) ?? []).filter(isShard).sort();
  }

  /** The names of the sessions in a shard, each once, whatever is renamed meanwhile. */
  async sessionsOf(shard: string): Promise<string[]> {
    return namesIn((await unlessAbsent(readDirectory(join(this.root, shard)))) ?? []);
  }

  /** The path of the file of a session. */
  pathOf(name: string): string {
    return join(this.root, shardOf(name), fileOf(name));
  }

  /**
   * Gives what `decode` makes of the content of a file, which is valid only within; `undefined` if there is no file,
   * {@link DAMAGED} if `decode` gives `undefined`.
   */
  read<T>(path: string, decode: (content: Buffer) => T | undefined): Promise<T | typeof DAMAGED | undefined> {
    const waiting = this.#semaphore.take();
    return waiting === undefined ? this.#read(path, decode) : waiting.then(() => this.#read(path, decode));
  }

  /** Gives the first bytes of a session file, or fewer if it is shorter. */
  async readHeader(path: string): Promise<Buffer | undefined> {
    await this.#semaphore.take();
    try {
      const file = await unlessAbsent(call<number>((done) => fs.open(path, "r", done)));
      if (file === undefined) return undefined;
      try {
        const header = Buffer.allocUnsafe(HEADER_BYTES);
        return header.subarray(0, await fill(file, header));
      } finally {
        await closeFile(file).catch(() => undefined); // of a file that was only read, nothing can go wrong
      }
    } finally {
      this.#semaphore.give();
    }
  }

  /** The same at once, on the event loop: of a file in the system's cache a few microseconds. */
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

  /** With callbacks, within one promise: it is what every call begins with. */
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
          // Nobody waits for it, and of a file that was only read, nothing can go wrong.
          fs.close(file, () => this.#semaphore.give());
        };
        fs.read(file, scratch, 0, SCRATCH_BYTES, null, (error, count) => {
          if (error) {
            end();
            reject(error);
            return;
          }
          // One read gives a small file whole, and that it does so shows in the content: no second one is needed.
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

  /** Writes a file of a name of its own in the shard, made durable by the durability of the store. */
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
   * Makes sure that what was renamed or removed in the shard stays so, by the durability of the store: also what
   * another process has left behind that died before it could.
   */
  async flush(shard: string): Promise<void> {
    if (!this.#isFlushed) return;
    await this.#syncs.sync(join(this.root, shard));
    if (!this.#flushedShards.has(shard)) {
      await this.#syncs.sync(this.root);
      this.#flushedShards.add(shard);
    }
    for (const directory of this.#unflushed) {
      await unlessAbsent(this.#syncs.sync(directory)); // without it, the sync of the shard would have failed
      this.#unflushed.delete(directory);
    }
  }

  /** Makes the directory of a shard, and those above, where they are not there. What is in it is flushed by {@link flush}. */
  async makeShard(shard: string): Promise<void> {
    const path = join(this.root, shard);
    const first = await call<string | undefined>((done) =>
      fs.mkdir(path, { recursive: true, mode: 0o700 }, done),
    );
    if (first === undefined) return;
    this.#flushedShards.clear(); // the root may be a new one
    for (let made = path; made.length >= first.length; made = dirname(made))
      this.#unflushed.add(dirname(made));
  }

  /** Makes the owner file where it is not there. Synced, so that no power failure leaves locks that say nothing. */
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
        await removeFile(path).catch(() => undefined); // if it fails as well, a cleanup removes it later
        throw error;
      }
    } finally {
      this.#semaphore.give();
    }
  }
}

/** The names of the sessions among the entries of a shard. */
export function namesIn(entries: readonly string[]): string[] {
  return [...new Set(entries.map(nameOfFile).filter((name) => name !== undefined))];
}
