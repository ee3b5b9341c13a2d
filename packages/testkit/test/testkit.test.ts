import assert from "node:assert/strict";
import { type Store, StoreError } from "@scs/core";
import {
  atomicStoreChecks,
  type Check,
  Clock,
  disposableStoreChecks,
  durableStoreChecks,
  expiringStoreChecks,
  fullStoreChecks,
  type It,
  iterableStoreChecks,
  runCheck,
  storeChecks,
  testAtomicStore,
  testDisposableStore,
  testDurableStore,
  testExpiringStore,
  testFullStore,
  testIterableStore,
  testStore,
  testTouchableStore,
  touchableStoreChecks,
} from "@scs/testkit";
import fc from "fast-check";
import { afterEach, describe, expect, it, vi } from "vitest";
import { backendOf, Disk, type Item, ReferenceStore } from "./reference-store.js";

const module = new URL("./modules/tiny-store.js", import.meta.url);
const backend = { ...backendOf(ReferenceStore), module };

describe("Clock", () => {
  it("moves only on request", () => {
    const clock = new Clock();
    const { now } = clock; // stores take it as a function of its own
    const start = now();
    expect(now()).toBe(start);
    clock.advance(1500);
    expect(now()).toBe(start + 1500);
  });

  it("returns instants before and after the present", () => {
    const clock = new Clock();
    clock.advance(10);
    expect(clock.in(0).getTime()).toBe(clock.now());
    expect(clock.in(1000).getTime()).toBe(clock.now() + 1000);
    expect(clock.in(-1).getTime()).toBe(clock.now() - 1);
  });
});

describe("runCheck", () => {
  /** Runs a check on stores that record their events. */
  async function journal(run: Check<ReferenceStore>["run"]): Promise<string[]> {
    const events: string[] = [];
    let opened = 0;
    const open = (disk: Disk, ...[options, scope]: Parameters<typeof backend.open>): ReferenceStore => {
      const name = `store ${++opened}`;
      scope.defer(() => events.push(`tidy first of ${name}`));
      scope.defer(async () => events.push(`tidy last of ${name}`));
      return new (class extends ReferenceStore {
        override async [Symbol.asyncDispose]() {
          await super[Symbol.asyncDispose]();
          events.push(`dispose of ${name}`);
        }
      })(disk, options);
    };
    await runCheck<ReferenceStore>(
      { name: "a check", run },
      {
        open: (...opening) => open(new Disk(), ...opening),
        another: ({ disk }, ...opening) => open(disk, ...opening),
      },
    ).catch((error: Error) => events.push(error.message));
    return events;
  }

  it("disposes of every opened store, and then cleans up in reverse order", async () => {
    const events = await journal(async ({ another, open }) => {
      await another();
      await open({ cleanupIntervalMs: 60_000 });
    });
    expect(events).toEqual([
      "dispose of store 1",
      "dispose of store 2",
      "dispose of store 3",
      "tidy last of store 3",
      "tidy first of store 3",
      "tidy last of store 2",
      "tidy first of store 2",
      "tidy last of store 1",
      "tidy first of store 1",
    ]);
  });

  it("does the same when the check fails, and rejects with its error", async () => {
    const events = await journal(async ({ another }) => {
      await another();
      assert.fail("the sentence is broken");
    });
    expect(events.slice(0, 2)).toEqual(["dispose of store 1", "dispose of store 2"]);
    expect(events.at(-2)).toBe("tidy first of store 1");
    expect(events.at(-1)).toBe("broken: a check\nthe sentence is broken");
  });

  it("fails a check that throws undefined", async () => {
    const throwing: Check<Store> = { name: "a check", run: () => Promise.reject(undefined) };
    await expect(runCheck(throwing, backend)).rejects.toBeUndefined();
  });

  it("fails a check during which onError was called", async () => {
    const reporting: Check<Store> = { name: "a check", run: ({ store }) => store.delete("t") };
    const running = runCheck(reporting, ({ onError, ...options }) => {
      return new (class extends ReferenceStore {
        override remove() {
          onError(new StoreError("CORRUPT", "a damaged record"));
        }
      })(new Disk(), { ...options, onError });
    });
    await expect(running).rejects.toThrow("onError was called although no error had occurred");
  });

  it("uses the store itself as the other client if the backend cannot open another", async () => {
    let same = false;
    const check: Check<Store> = {
      name: "a check",
      async run({ store, another }) {
        same = (await another()) === store;
      },
    };
    await runCheck(check, backend.open);
    expect(same).toBe(true);
  });

  it("opens a store with other options on a backend of its own", async () => {
    const check: Check<ReferenceStore> = {
      name: "a check",
      async run({ store, open }) {
        assert.notEqual((await open({ cleanupIntervalMs: 1000 })).disk, store.disk);
        await assert.rejects(open({ cleanupIntervalMs: -1 }), RangeError);
      },
    };
    await runCheck(check, backend);
  });

  it("names the property of the backend that a check lacks", async () => {
    const lacking = { open: backend.open };
    const reopening: Check<ReferenceStore> = {
      name: "a check",
      run: async ({ reopen }) => void (await reopen()),
    };
    const forking: Check<ReferenceStore> = {
      name: "a check",
      run: ({ inProcess }) => inProcess("is collected"),
    };
    await expect(runCheck(reopening, lacking)).rejects.toThrow(
      new TypeError('these checks need the property "reopen" of the backend; see the README of @scs/testkit'),
    );
    await expect(runCheck(forking, lacking)).rejects.toThrow(
      new TypeError('these checks need the property "module" of the backend; see the README of @scs/testkit'),
    );
  });
});

describe("a process of its own", () => {
  it("passes its failure on", async () => {
    const check: Check<ReferenceStore> = {
      name: "a check",
      run: ({ inProcess }) => inProcess("ends by itself"),
    };
    const broken = { ...backend, module: new URL("./modules/no-such-module.js", import.meta.url) };
    await expect(runCheck(check, broken)).rejects.toThrow(
      /the process ended with exit code 1 .*no-such-module/s,
    );
  });
});

describe("binding to a test runner", () => {
  /** Returns the names that `bind` registers. */
  function namesOf(bind: (it: It) => void): string[] {
    const names: string[] = [];
    bind((name) => names.push(name));
    return names;
  }
  const named = (...lists: readonly (readonly { name: string }[])[]): string[] =>
    lists.flat().map(({ name }) => name);

  it("registers every check of a list under its own name", () => {
    expect(namesOf((it) => testStore(it, backend))).toEqual(named(storeChecks));
    expect(namesOf((it) => testAtomicStore(it, backend))).toEqual(named(atomicStoreChecks));
    expect(namesOf((it) => testTouchableStore(it, backend))).toEqual(named(touchableStoreChecks));
    expect(namesOf((it) => testIterableStore(it, backend))).toEqual(named(iterableStoreChecks));
    expect(namesOf((it) => testExpiringStore(it, backend))).toEqual(named(expiringStoreChecks));
    expect(namesOf((it) => testDisposableStore(it, backend))).toEqual(named(disposableStoreChecks));
    expect(namesOf((it) => testDurableStore(it, backend))).toEqual(named(durableStoreChecks));
  });

  it("registers every list except the durable one for a full store", () => {
    expect(namesOf((it) => testFullStore(it, backend))).toEqual(
      named(
        storeChecks,
        atomicStoreChecks,
        touchableStoreChecks,
        iterableStoreChecks,
        expiringStoreChecks,
        disposableStoreChecks,
        fullStoreChecks,
      ),
    );
  });

  describe.each(
    Object.entries({
      testStore,
      testAtomicStore,
      testTouchableStore,
      testIterableStore,
      testExpiringStore,
      testDisposableStore,
      testDurableStore,
      testFullStore,
    }),
  )("%s", (name, bind) => {
    const { open } = backend;
    it.each<[string, unknown[]]>([
      ["without `it`", [open]],
      ["without `it`, but with a backend", [backend]],
      ["without a backend", [() => undefined]],
      ["with a store as the backend", [() => undefined, open({ onError: () => undefined }, { defer() {} })]],
      ["with its arguments in the wrong order", [open, it]],
    ])("throws a TypeError with the remedy if it is called %s, and registers nothing", (_how, call) => {
      const registered: unknown[] = [];
      const spied = call.map((value, index) =>
        index === 0 && typeof value === "function" ? (...args: unknown[]) => registered.push(args) : value,
      );
      expect(() => Reflect.apply(bind, undefined, spied)).toThrow(
        new TypeError(
          `${name}(it, backend): pass the \`it\` of your test runner, then a function that opens a store, or an object with \`open\``,
        ),
      );
      expect(registered).toEqual([]);
    });
  });

  it("registers the check itself: its test fails on a store that breaks it", async () => {
    const tests = new Map<string, () => Promise<void>>();
    const Forgetful = class extends ReferenceStore {
      override put() {}
    };
    testStore((name, run) => tests.set(name, run), backendOf(Forgetful));
    await expect(tests.get("find returns the committed data")?.()).rejects.toThrow("there is no live record");
    await tests.get("find returns undefined for an unknown token")?.();
  });
});

describe("interleavings", () => {
  const check = storeChecks.find(({ name }) => name.startsWith("interleaved")) as Check<Store>;

  /** Returns its own commits from a cache, even after another client has overwritten them. */
  class StaleStore extends ReferenceStore {
    readonly #cache = new Map<string, Item>();

    override put(item: Item): void {
      super.put(item);
      this.#cache.set(item.token, item);
    }

    override remove(token: string): void {
      super.remove(token);
      this.#cache.delete(token);
    }

    override live(token: string): Item | undefined {
      const cached = this.#cache.get(token);
      return cached && this.isLive(cached) ? cached : super.live(token);
    }
  }

  const failure = async (): Promise<string> =>
    runCheck(check, backendOf(StaleStore)).then(
      () => "",
      (error: Error) => error.message,
    );

  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
    fc.resetConfigureGlobal();
  });

  it("pass for a correct store", async () => {
    await runCheck(check, backend);
  });

  it("pass for a correct store that answers in any order", async () => {
    class UnevenStore extends ReferenceStore {
      #calls = 0;
      override async latency(): Promise<void> {
        for (let turn = this.#calls++ % 3; turn >= 0; turn--) await super.latency();
      }
    }
    await runCheck(check, backendOf(UnevenStore));
  });

  it("fail for a store with a stale cache, and show the seed and the calls", async () => {
    const message = await failure();
    expect(message).toMatch(/seed: -?\d+/);
    expect(message).toMatch(
      /no allowed order explains the answers for token \d: \n {2}client \d, \d+ to \d+: /,
    );
  });

  it("are shrunk for 30 s at most, so that a slow store fails before the timeout of the check", async () => {
    const runs = new Set<string>();
    class CountedStore extends StaleStore {
      override put(item: Item): void {
        super.put(item);
        runs.add(item.token.split(":")[0] as string);
      }
    }
    let ms = 0;
    vi.spyOn(performance, "now").mockImplementation(() => (ms += 10_000));
    await expect(runCheck(check, backendOf(CountedStore))).rejects.toThrow("no allowed order explains");
    expect(runs.size).toBeLessThan(12 + 4);
  });

  it("are replayed by SCS_TEST_SEED", async () => {
    fc.configureGlobal({ endOnFailure: true });
    const message = await failure();
    vi.stubEnv("SCS_TEST_SEED", /seed: (-?\d+)/.exec(message)?.[1] ?? "none");
    expect(await failure()).toBe(message);
    vi.stubEnv("SCS_TEST_SEED", "42");
    const other = await failure();
    expect(other).toContain("seed: 42 ");
    expect(other).not.toBe(message);
  });
});
