import nodeFs from "node:fs";
import { join } from "node:path";

/** The file system as it is, whatever is put in its place meanwhile. */
const fs: typeof nodeFs = { ...nodeFs };

/** Identifies a file whatever its name. An inode number alone is reused once a file is removed. */
function idOf({ ino, birthtimeNs }: nodeFs.BigIntStats): string {
  return `${ino}:${birthtimeNs}`;
}

/** Tracks what a directory would hold after a power failure: what was synced, and nothing else. */
export class SyncedFiles {
  readonly #root: string;
  /** The content of files that were synced, by their id. */
  readonly #files: Map<string, Uint8Array> = new Map();
  /** The entries of directories that were synced: for each name the id. */
  readonly #directories: Map<string, Map<string, string>> = new Map();

  /** What is there already counts as synced. */
  constructor(root: string) {
    this.#root = root;
    this.#walk(root, (path) => this.#keep(path));
  }

  /** Records that an open file or directory was synced, which was at `path` when it was opened. */
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
   * Makes the directory what it would be after a power failure. A file that was never synced is empty then. On Windows,
   * where no directory can be synced, nothing is lost.
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
      // A directory that nothing was synced in is an empty one.
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
