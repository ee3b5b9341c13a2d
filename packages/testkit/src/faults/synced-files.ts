import nodeFs from "node:fs";
import { join } from "node:path";

/** The original functions of `node:fs`, while others replace them. */
const fs: typeof nodeFs = { ...nodeFs };

/** Identifies a file independently of its name. An inode number alone is reused after a removal. */
function idOf({ ino, birthtimeNs }: nodeFs.BigIntStats): string {
  return `${ino}:${birthtimeNs}`;
}

/** Tracks the synced content of a directory, which is all that a power failure leaves. */
export class SyncedFiles {
  readonly #root: string;
  /** Synced content of files, by ID. */
  readonly #files: Map<string, Uint8Array> = new Map();
  /** Synced entries of directories: the ID of each name. */
  readonly #directories: Map<string, Map<string, string>> = new Map();

  /** Existing files count as synced. */
  constructor(root: string) {
    this.#root = root;
    this.#walk(root, (path) => this.#keep(path));
  }

  /** Records the sync of an open file or directory. `path` is where it was opened. */
  sync(descriptor: number, path: string): void {
    const id = idOf(fs.fstatSync(descriptor, { bigint: true }));
    const there = fs.lstatSync(path, { bigint: true, throwIfNoEntry: false });
    if (there && idOf(there) === id) this.#keep(path);
    else
      this.#walk(this.#root, (path, own) => {
        if (own === id) this.#keep(path);
      });
  }

  /**
   * Changes the directory to its state after a power failure. A file that was never synced becomes empty. On Windows,
   * where directories cannot be synced, nothing is lost.
   */
  losePower(): void {
    if (process.platform === "win32") return;
    const root = idOf(fs.statSync(this.#root, { bigint: true }));
    for (const name of fs.readdirSync(this.#root)) fs.rmSync(join(this.#root, name), { recursive: true });
    this.#restore(root, this.#root);
    this.#files.clear();
    this.#directories.clear();
    this.#walk(this.#root, (path) => this.#keep(path));
  }

  #restore(directory: string, path: string): void {
    for (const [name, id] of this.#directories.get(directory) ?? []) {
      const own = join(path, name);
      if (this.#directories.has(id)) {
        fs.mkdirSync(own, { mode: 0o700 });
        this.#restore(id, own);
      } else {
        fs.writeFileSync(own, this.#files.get(id) ?? "", { mode: 0o600 });
      }
    }
  }

  #keep(path: string): void {
    const stats = fs.lstatSync(path, { bigint: true });
    if (stats.isFile()) this.#files.set(idOf(stats), fs.readFileSync(path));
    if (!stats.isDirectory()) return;
    const entries = new Map<string, string>();
    for (const name of fs.readdirSync(path)) {
      const own = fs.lstatSync(join(path, name), { bigint: true });
      entries.set(name, idOf(own));
      // A directory without a sync is empty.
      if (own.isDirectory() && !this.#directories.has(idOf(own))) this.#directories.set(idOf(own), new Map());
    }
    this.#directories.set(idOf(stats), entries);
  }

  #walk(path: string, visit: (path: string, id: string) => void): void {
    const stats = fs.lstatSync(path, { bigint: true });
    visit(path, idOf(stats));
    if (stats.isDirectory()) for (const name of fs.readdirSync(path)) this.#walk(join(path, name), visit);
  }
}
