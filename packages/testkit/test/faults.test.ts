import { EventEmitter } from "node:events";
import fs, { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { StoreError } from "@scs/core";
import {
  assertSurvivesFaults,
  FaultInjector,
  FaultyFileSystem,
  type OpenOptions,
  type Scope,
} from "@scs/testkit";
import { describe, expect, it } from "vitest";
import { DirectoryStore } from "./fixtures/directory-store.js";
import { Disk, type Item, ReferenceStore } from "./reference-store.js";

/** The reference store, on a driver whose calls may fail. */
class DriverStore extends ReferenceStore {
  driver: DiskDriver;

  constructor(driver: DiskDriver, options: OpenOptions) {
    super(driver.disk, options);
    this.driver = driver;
  }

  override put(item: Item) {
    this.change(() => this.driver.write(this.key(item.token), item));
    this.sync(item.token);
  }

  override remove(token: string) {
    this.change(() => this.driver.write(this.key(token), undefined));
    this.sync(token);
  }

  override sync(token: string) {
    this.change(() => this.driver.sync(this.key(token)));
  }

  change(call: () => void) {
    try {
      call();
    } catch (cause) {
      throw new StoreError("UNAVAILABLE", "the disk fails", { cause });
    }
  }
}

class DiskDriver {
  readonly disk: Disk = new Disk();
  write(key: string, item: Item | undefined): void {
    if (item === undefined) this.disk.records.delete(key);
    else this.disk.records.set(key, item);
  }
  sync(key: string): void {
    this.disk.sync(key);
  }
}

const onDriver = (Store: typeof DriverStore) =>
  assertSurvivesFaults({
    create: () => new DiskDriver(),
    connect: (driver, faults, options) =>
      new Store(faults.wrap(driver, { names: ["write", "sync"] }), options),
    async crash(driver, close) {
      await close();
      driver.disk.crash();
    },
  });

function inDirectory(Store: typeof DirectoryStore, step = 1) {
  return assertSurvivesFaults({
    create(faults: FaultInjector, scope: Scope) {
      const path = mkdtempSync(join(tmpdir(), "scs-testkit-faults-"));
      scope.defer(() => rmSync(path, { recursive: true }));
      const files = new FaultyFileSystem(faults, path);
      scope.defer(() => files.restore());
      return { path, files };
    },
    connect: ({ path }, _faults, options) => new Store(path, options),
    crash: ({ files }, close) => files.losePower(close),
    step,
  });
}

const swallow = <T>(work: Promise<T>) =>
  work.then(
    () => undefined,
    () => undefined,
  );

describe("a store on a driver", () => {
  it("passes if it rejects every write that it cannot guarantee", async () => {
    const { calls, runs, rejected } = await onDriver(DriverStore);
    expect(new Set(calls)).toEqual(new Set(["write", "sync"]));
    expect(runs).toBeGreaterThan(3 * calls.length);
    expect(rejected).toBeGreaterThanOrEqual(runs);
  });

  it.each<[string, RegExp, typeof DriverStore]>([
    [
      "acknowledges before it is durable",
      /^after the crash a token holds .*\nno call was failed$/,
      class extends DriverStore {
        override sync() {}
      },
    ],
    [
      "swallows the error of a sync",
      /^after the crash a token holds .*; by the answers: .*\nsync \(call \d+\) was failed before it had an effect$/s,
      class extends DriverStore {
        override sync(token: string) {
          try {
            super.sync(token);
          } catch {}
        }
      },
    ],
    [
      "answers before the step that can fail",
      /^find returns .*; by the answers: .*\nwrite \(call \d+\) was failed before it had an effect$/s,
      class extends DriverStore {
        override async commit(...call: Parameters<DriverStore["commit"]>) {
          await swallow(super.commit(...call));
        }
      },
    ],
    [
      "returns false for an unknown outcome",
      /^replace returns false for a token that holds .*\n/,
      class extends DriverStore {
        override replace(...call: Parameters<DriverStore["replace"]>) {
          return super.replace(...call).catch(() => false);
        }
      },
    ],
    [
      "passes the driver's error on",
      /^\w+ rejects with Error EIO instead of a StoreError UNAVAILABLE: EIO/,
      class extends DriverStore {
        override change(call: () => void) {
          call();
        }
      },
    ],
  ])("fails if it %s", async (_what, message, Store) => {
    await expect(onDriver(Store)).rejects.toThrow(message);
  });

  it("fails if it leaves a rejection unhandled", async () => {
    class Floating extends DriverStore {
      override delete(token: string) {
        const deleting = super.delete(token);
        void deleting.finally(() => undefined);
        return deleting;
      }
    }
    const others = process.listeners("unhandledRejection"); // the test runner's
    process.removeAllListeners("unhandledRejection");
    await expect(onDriver(Floating)).rejects.toThrow(/^unhandled rejection: StoreError/);
    for (const listener of others) process.on("unhandledRejection", listener);
  });

  it("fails if none of its calls goes through the faults", async () => {
    const driver = new DiskDriver();
    const unwrapped = assertSurvivesFaults({
      create: () => driver,
      connect: (_, _faults, options) => new DriverStore(driver, options),
    });
    await expect(unwrapped).rejects.toThrow("the store makes no call that goes through `faults`");
  });
});

describe.skipIf(process.platform === "win32")("a store in a directory", () => {
  it("passes if it syncs the file, renames it and syncs the directory", async () => {
    const { calls, rejected } = await inDirectory(DirectoryStore, 4);
    expect(new Set(calls)).toEqual(
      new Set(["open", "writeFile", "fsync", "close", "rename", "rm", "readFile"]),
    );
    expect(rejected).toBeGreaterThan(calls.length / 4);
  });

  it.each<[string, RegExp, typeof DirectoryStore]>([
    [
      "does not sync the file",
      /^after the crash .*\nno call was failed$/,
      class extends DirectoryStore {
        override async sync() {}
      },
    ],
    [
      "swallows the error of fsync",
      /\nfsync \(call \d+\) was failed before it had an effect$/,
      class extends DirectoryStore {
        override sync(...call: Parameters<DirectoryStore["sync"]>) {
          return swallow(super.sync(...call));
        }
      },
    ],
    [
      "does not sync the directory",
      /^after the crash .*\nno call was failed$/,
      class extends DirectoryStore {
        override async syncDirectory() {}
      },
    ],
    [
      "reports success when rename has failed",
      /\nrename \(call \d+\) was failed before it had an effect$/,
      class extends DirectoryStore {
        override rename(from: string, to: string) {
          return swallow(super.rename(from, to));
        }
      },
    ],
    [
      "reports success when the file could not be removed",
      /\nrm \(call \d+\) was failed before it had an effect$/,
      class extends DirectoryStore {
        override remove(path: string) {
          return swallow(super.remove(path));
        }
      },
    ],
    [
      "writes over the file in its place",
      / was failed /,
      class extends DirectoryStore {
        override write(path: string, bytes: Uint8Array) {
          return super.write(path.replace(/\.\d+$/, ""), bytes);
        }
        override async rename() {}
      },
    ],
  ])("fails if it %s", async (_what, message, Store) => {
    await expect(inDirectory(Store)).rejects.toThrow(message);
  });

  it("injects faults only into calls on its directory, in all their variants, until it is restored", async () => {
    const original = { ...fs };
    const path = mkdtempSync(join(tmpdir(), "scs-testkit-faults-"));
    const elsewhere = mkdtempSync(join(tmpdir(), "scs-testkit-faults-"));
    const faults = new FaultInjector();
    const files = new FaultyFileSystem(faults, path);
    faults.decide = ({ name, index }) =>
      index % 2 ? { moment: "before", error: new Error(name) } : undefined;
    fs.writeFileSync(join(elsewhere, "file"), "whole");
    fs.writeFileSync(join(path, "file"), "whole");
    expect(() => fs.readFileSync(join(path, "file"))).toThrow("readFile");
    expect(readFileSync(join(path, "file"), "utf8")).toBe("whole"); // imported by name
    await expect(fs.promises.rm(join(path, "file"))).rejects.toThrow("rm");
    await new Promise<void>((resolve) => fs.stat(path, (error) => resolve(expect(error).toBeNull())));
    await new Promise<void>((resolve) =>
      fs.rm(join(path, "file"), (error) => resolve(expect(error?.message).toBe("rm"))),
    );
    expect(faults.calls).toEqual(["writeFile", "readFile", "readFile", "rm", "stat", "rm"]);
    files.restore();
    expect({ ...fs }).toEqual(original);
    for (const directory of [path, elsewhere]) rmSync(directory, { recursive: true });
  });
});

describe("a wrapped driver handle", () => {
  const error = new Error("injected");

  class Statement {
    runs = 0;
    run(): number {
      return ++this.runs;
    }
    pluck(): this {
      return this;
    }
  }

  class Handle extends EventEmitter {
    readonly #statement = new Statement();
    prepare(): Statement {
      return this.#statement;
    }
    async query(text: string): Promise<string> {
      return `rows of ${text}`;
    }
    write(text: string, callback: (error: Error | null, written?: number) => void): this {
      queueMicrotask(() => callback.call(this, null, text.length));
      return this;
    }
  }

  it("counts calls of its statements, but not of methods that do no work", async () => {
    const faults = new FaultInjector();
    const handle = faults.wrap(new Handle(), { handles: ["prepare"] });
    expect(handle).toBeInstanceOf(Handle);
    handle.on("error", () => undefined);
    expect(handle.prepare().pluck().run()).toBe(1);
    expect(await handle.query("a")).toBe("rows of a");
    expect(faults.calls).toEqual(["prepare", "pluck", "run", "query"]);
  });

  it("fails a call in its own style: it throws, rejects, or calls back", async () => {
    const faults = new FaultInjector();
    const handle = faults.wrap(new Handle(), { handles: ["prepare"] });
    await handle.query("a"); // the injector now knows that query returns a promise
    const statement = handle.prepare();
    faults.decide = () => ({ moment: "before", error });
    expect(() => statement.run()).toThrow(error);
    const rejected = handle.query("b");
    await expect(rejected).rejects.toThrow(error);
    const withCallbacks = faults.wrap(new Handle(), { style: "callback" });
    expect(await new Promise((resolve) => withCallbacks.write("abc", resolve))).toBe(error);
    faults.decide = () => ({ moment: "after", error });
    const written = new Promise((resolve) => {
      expect(withCallbacks.write("abc", resolve)).toBe(withCallbacks);
    });
    expect(await written).toBe(error);
    expect(() => statement.run()).toThrow(error);
    faults.decide = () => undefined;
    expect(statement.run()).toBe(2); // the last but one call had its effect
  });

  it("does half of a call, or delays it", async () => {
    const faults = new FaultInjector();
    const written: string[] = [];
    const table = faults.wrap(
      { write: async (text: string) => void written.push(text) },
      { halfway: { write: (call, [text]) => call(String(text).slice(0, 2)) } },
    );
    faults.decide = () => ({ moment: "halfway", error });
    await expect(table.write("abcd")).rejects.toThrow(error);
    let go = (): void => undefined;
    faults.decide = () => new Promise<void>((resolve) => (go = resolve));
    const held = table.write("whole");
    expect(written).toEqual(["ab"]);
    go();
    await held;
    expect(written).toEqual(["ab", "whole"]);
  });
});
