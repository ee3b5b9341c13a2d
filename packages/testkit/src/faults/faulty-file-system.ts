import { AsyncLocalStorage, AsyncResource } from "node:async_hooks";
import nodeFs, { constants } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import type { FaultInjector } from "./fault-injector.js";
import { halfwayOf } from "./half-writes.js";
import { SyncedFiles } from "./synced-files.js";

/** Functions that take a path, and functions that take a descriptor. Variants: callback, `…Sync`, and mostly a promise. */
const BY_PATH = [
  "access",
  "appendFile",
  "copyFile",
  "link",
  "lstat",
  "mkdir",
  "open",
  "opendir",
  "readFile",
  "readdir",
  "rename",
  "rm",
  "rmdir",
  "stat",
  "symlink",
  "truncate",
  "unlink",
  "utimes",
  "writeFile",
];
const BY_DESCRIPTOR = [
  "close",
  "fdatasync",
  "fstat",
  "fsync",
  "ftruncate",
  "futimes",
  "read",
  "readv",
  "write",
  "writev",
];
const OF_HANDLE = [
  "appendFile",
  "close",
  "datasync",
  "read",
  "readFile",
  "stat",
  "sync",
  "truncate",
  "write",
  "writeFile",
  "writev",
];

type AnyFunction = (...args: unknown[]) => unknown;
type Functions = Record<string, AnyFunction>;

/** Set during a call: the calls that Node.js makes within it do not count. */
const inside = new AsyncLocalStorage<true>();

/** Runs `original` so that calls within it do not count, but those of its callback do. */
function asOne(original: AnyFunction): AnyFunction {
  return (...args) => {
    const callback = args.at(-1);
    const own =
      typeof callback === "function" ? args.with(-1, AsyncResource.bind(callback as AnyFunction)) : args;
    return inside.run(true, original, ...own);
  };
}

/** Calls that are recorded instead of executed: a sync is slow, and its effect is simulated. */
const SYNCS: ReadonlySet<string> = new Set(["fsync", "fdatasync"]);

/**
 * Injects faults into the calls of `node:fs` on one directory, and tracks what a power failure would leave. Intercepts
 * `fs.…` and imports by name, but not functions stored earlier, such as `promisify(fs.open)`: pass those to the store,
 * wrapped by {@link wrap}.
 */
export class FaultyFileSystem {
  readonly #faults: FaultInjector;
  readonly #directory: string;
  readonly #synced: SyncedFiles;
  /** Descriptors of files in the directory, with the path, and whether each write is synced. */
  readonly #descriptors: Map<number, { path: string; syncs: boolean }> = new Map();
  readonly #restore: (() => void)[] = [];
  #hasPower = true;
  #isInPlace = true;

  /** @param directory must exist. */
  constructor(faults: FaultInjector, directory: string) {
    this.#faults = faults;
    this.#directory = resolve(directory);
    this.#synced = new SyncedFiles(this.#directory);
    const callbacks = nodeFs as unknown as Functions;
    for (const name of [...BY_PATH, ...BY_DESCRIPTOR]) {
      this.#replace(callbacks, name, name, "callback");
      this.#replace(callbacks, `${name}Sync`, name, "sync");
      this.#replace(nodeFs.promises as unknown as Functions, name, name, "promise");
    }
    syncBuiltinESMExports();
  }

  /**
   * Injects faults into promise-returning functions that a store took from `node:fs` earlier. `names` maps names that
   * differ from those in `node:fs`: `{ datasync: "fdatasync" }`.
   */
  wrap<T extends object>(functions: T, names: Partial<Record<keyof T, string>> = {}): T {
    const guarded = Object.entries(functions).map(([key, original]) => {
      const name = names[key as keyof T] ?? key;
      const onResult = (args: unknown[], result: unknown): unknown => this.#note(name, args, result);
      const options = { style: "promise", halfway: halfwayOf(name, 1), onResult } as const;
      const made = name === "close" ? this.#closing(original as AnyFunction) : (original as AnyFunction);
      return [
        key,
        this.#faults.guard(name, asOne(made), { ...options, ...(name === "open" && { discard }) }),
      ];
    });
    return Object.fromEntries(guarded) as T;
  }

  /** Restores the functions of `node:fs`. */
  restore(): void {
    this.#isInPlace = false; // Node.js itself may still hold one of the functions
    for (const restore of this.#restore.splice(0)) restore();
    syncBuiltinESMExports();
  }

  /**
   * Discards unsynced content and names of files. `close` may dispose of a store that still uses the directory; its last
   * writes are discarded as well.
   */
  async losePower(close?: () => Promise<void>): Promise<void> {
    this.#hasPower = false;
    await close?.();
    inside.run(true, () => this.#synced.losePower());
    this.#hasPower = true;
  }

  #replace(target: Functions, key: string, name: string, style: "callback" | "sync" | "promise"): void {
    const original = target[key];
    if (original === undefined) return;
    const onResult = (args: unknown[], result: unknown): unknown => this.#note(name, args, result);
    let made = SYNCS.has(name) ? target[key.replace(name, "fstat")] : original;
    if (name === "close") made = this.#closing(original);
    const options = { style, halfway: halfwayOf(name, 1), onResult, ...(name === "open" && { discard }) };
    const guarded = this.#faults.guard(name, asOne(made ?? original), options);
    const replaced: AnyFunction = (...args) =>
      this.#concerns(args[0]) ? guarded(...args) : original(...args);
    target[key] = Object.defineProperties(replaced, Object.getOwnPropertyDescriptors(original));
    this.#restore.push(() => {
      target[key] = original;
    });
  }

  /** Forgets a descriptor before it is closed, because its number may be reused before the answer arrives. */
  #closing(close: AnyFunction): AnyFunction {
    return (...args) => {
      this.#descriptors.delete(args[0] as number);
      return close(...args);
    };
  }

  #concerns(file: unknown): boolean {
    if (!this.#isInPlace || inside.getStore()) return false;
    if (typeof file === "number") return this.#descriptors.has(file);
    const path = pathOf(file);
    return path !== undefined && (path === this.#directory || path.startsWith(this.#directory + sep));
  }

  /** Tracks descriptors and syncs. Returns the result, with a handle of `node:fs/promises` wrapped. */
  #note(name: string, args: unknown[], result: unknown): unknown {
    const [file] = args;
    if (name === "open") {
      const flags = typeof args[1] === "number" ? args[1] : 0;
      const descriptor = typeof result === "number" ? result : (result as nodeFs.promises.FileHandle).fd;
      const syncs = (flags & (constants.O_DSYNC | constants.O_SYNC)) !== 0;
      this.#descriptors.set(descriptor, { path: pathOf(file) ?? "", syncs });
      return typeof result === "number" ? result : this.#handle(result as nodeFs.promises.FileHandle);
    }
    const opened = typeof file === "number" ? this.#descriptors.get(file) : undefined;
    if (typeof file !== "number" || opened === undefined) return result;
    const syncs = SYNCS.has(name) || (name.startsWith("write") && opened.syncs);
    if (syncs && this.#hasPower) inside.run(true, () => this.#synced.sync(file, opened.path));
    return result;
  }

  #handle(handle: nodeFs.promises.FileHandle): nodeFs.promises.FileHandle {
    const { fd } = handle;
    const own = new Map<PropertyKey, AnyFunction>();
    for (const name of OF_HANDLE) {
      const call =
        { datasync: "fdatasync", sync: "fsync", stat: "fstat", truncate: "ftruncate" }[name] ?? name;
      const method = (handle as unknown as Functions)[SYNCS.has(call) ? "stat" : name] as AnyFunction;
      const onResult = (args: unknown[], result: unknown): unknown => this.#note(call, [fd, ...args], result);
      const options = { style: "promise", halfway: halfwayOf(name, 0), onResult } as const;
      const made = method.bind(handle);
      const closing = this.#closing(() => made());
      own.set(name, this.#faults.guard(call, asOne(name === "close" ? () => closing(fd) : made), options));
    }
    return new Proxy(handle, {
      get(target, key) {
        const value: unknown = own.get(key) ?? Reflect.get(target, key);
        return typeof value === "function" && !own.has(key) ? value.bind(target) : value;
      },
    });
  }
}

function pathOf(file: unknown): string | undefined {
  if (file instanceof URL) return fileURLToPath(file);
  return typeof file === "string" || Buffer.isBuffer(file) ? resolve(file.toString()) : undefined;
}

/** Closes a file whose caller gets an error instead. */
function discard(opened: unknown): void {
  if (typeof opened === "number") inside.run(true, nodeFs.closeSync, opened);
  else void inside.run(true, () => (opened as Partial<nodeFs.promises.FileHandle> | undefined)?.close?.());
}
