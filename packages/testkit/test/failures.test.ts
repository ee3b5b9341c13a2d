import { type Check, runCheck, StoreInProcess, storeChecks } from "@scs/testkit";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { backendOf, Disk, type Item, ReferenceStore } from "./reference-store.js";

const module = new URL("./modules/never-opens.js", import.meta.url);

const check = (name: string): Check<ReferenceStore> =>
  storeChecks.find((candidate) => candidate.name.startsWith(name)) as Check<ReferenceStore>;

async function failureOf(
  concerned: Check<ReferenceStore>,
  Store: typeof ReferenceStore = ReferenceStore,
): Promise<Error> {
  const outcome = await runCheck(concerned, { ...backendOf(Store), module } as never).then(
    () => undefined,
    (error: Error) => error,
  );
  expect(outcome).toBeInstanceOf(Error);
  return outcome as Error;
}

/** Finds the data of another session. */
class MixedStore extends ReferenceStore {
  override record(item: Item) {
    const { data, expiry } = super.record(item);
    return { data: data.map((byte) => byte ^ 1), expiry };
  }
}

it("begins with the sentence of the contract, and shows printable bytes as text", async () => {
  const { message, stack } = await failureOf(check("commit changes no other record"), MixedStore);
  expect(message).toBe('broken: commit changes no other record\ndata is "nod", not "one"');
  expect(stack).toContain(message);
  const other = await failureOf(check("find returns every value of a byte"), MixedStore);
  expect(other.message).toMatch(/\ndata is <010003.*> … \(256 bytes\), not <000102.*> … \(256 bytes\)$/);
});

it("shows no diff of true and false", async () => {
  const { message, ...shown } = await failureOf(check("find returns the committed data"), MixedStore);
  expect(shown).toMatchObject({ actual: undefined, expected: undefined });
});

it("shortens the calls of an interleaving to 2 kB, after the sentence, the seed and the reason", async () => {
  const { message } = await failureOf(check("interleaved"), MixedStore);
  const [sentence, seed, reason, call] = message.split("\n");
  expect(sentence).toMatch(/^broken: interleaved finds, commits and deletes of several clients/);
  expect(seed).toMatch(/^seed: -?\d+ \(SCS_TEST_SEED=-?\d+ replays it\)$/);
  expect(reason).toMatch(/^no allowed order explains the answers for token \d: $/);
  expect(call).toMatch(/^ {2}client \d, \d+ to \d+: /);
  expect(message.length).toBeLessThan(2300);
});

it("explains exit codes and signals", async () => {
  const inProcess: Check<ReferenceStore> = {
    name: "a check",
    run: (context) => context.inProcess("is collected"),
  };
  expect((await failureOf(inProcess)).message).toContain(
    "the process ended with exit code 13 (a top-level await that never settled: it waits for something that holds no handle)",
  );
  const options = { onError: () => undefined };
  await expect(StoreInProcess.open(module, "", options)).rejects.toThrow("exit code 13 (a top-level await");
  const killed = new URL("./modules/two-processes.js", import.meta.url);
  const store = await StoreInProcess.open(killed, "", options);
  const pending = store.commit("never", new Uint8Array(), new Date());
  await Promise.all([expect(pending).rejects.toThrow(/ended with SIGKILL \(killed/), store.kill()]);
});

describe("a store that never answers", () => {
  const never = (): Promise<never> => new Promise(() => undefined);
  const brief = (name: string): Check<ReferenceStore> => ({ ...check(name), limitMs: 20 });

  afterEach(() => {
    vi.useRealTimers();
  });

  it.each<[string, string, typeof ReferenceStore]>([
    [
      "a call",
      "",
      class extends ReferenceStore {
        override commit = never;
      },
    ],
    [
      "a disposal",
      "disposal: ",
      class extends ReferenceStore {
        override [Symbol.asyncDispose] = never;
      },
    ],
  ])("fails with the sentence if %s never answers", async (_what, place, Store) => {
    const { message } = await failureOf(brief("commit changes no other record"), Store);
    expect(message).toBe(`broken: commit changes no other record\n${place}no answer within 0.02 s`);
  });

  it("fails with the sentence if `open` or a deferred function never answers", async () => {
    const concerned = brief("find returns the committed data");
    const sentence = "broken: find returns the committed data";
    await expect(runCheck(concerned, never)).rejects.toThrow(`${sentence}\nno answer within 0.02 s`);
    const running = runCheck(concerned, (options, scope) => {
      scope.defer(never);
      return backendOf(ReferenceStore).open(options, scope);
    });
    await expect(running).rejects.toThrow(`${sentence}\nscope.defer: no answer within 0.02 s`);
  });

  it("fails while fake timers replace the real ones", async () => {
    vi.useFakeTimers();
    await expect(runCheck(brief("find returns the committed data"), never)).rejects.toThrow("no answer");
  });

  it("fails with the error of the check if the disposal never answers either", async () => {
    class BrokenStore extends MixedStore {
      override [Symbol.asyncDispose] = never;
    }
    const { message } = await failureOf(brief("commit changes no other record"), BrokenStore);
    expect(message).toBe('broken: commit changes no other record\ndata is "nod", not "one"');
  });

  it("disposes of the other stores, and calls the deferred functions", async () => {
    const events: string[] = [];
    const concerned: Check<ReferenceStore> = {
      name: "a check",
      limitMs: 20,
      run: async ({ another }) => void (await another()),
    };
    class FirstStore extends ReferenceStore {
      override [Symbol.asyncDispose] = never;
    }
    class SecondStore extends ReferenceStore {
      override async [Symbol.asyncDispose]() {
        events.push("disposed of the second store");
      }
    }
    const running = runCheck<ReferenceStore>(concerned, {
      open(options, scope) {
        scope.defer(() => events.push("deferred"));
        return new FirstStore(new Disk(), options);
      },
      another: ({ disk }, options) => new SecondStore(disk, options),
    });
    await expect(running).rejects.toThrow("disposal: no answer");
    expect(events).toEqual(["disposed of the second store", "deferred"]);
  });
});

describe("a store that leaves a rejection unhandled", () => {
  const oops = new Error("oops");

  class FloatingStore extends ReferenceStore {
    override commit(...call: Parameters<ReferenceStore["commit"]>) {
      void Promise.reject(oops);
      return super.commit(...call);
    }
  }

  const seen: unknown[] = [];
  const listener = (reason: unknown): void => void seen.push(reason);
  const others = process.listeners("unhandledRejection"); // the test runner's

  beforeEach(() => {
    seen.length = 0;
    process.removeAllListeners("unhandledRejection");
    process.on("unhandledRejection", listener);
  });

  afterEach(() => {
    process.removeAllListeners("unhandledRejection");
    for (const other of others) process.on("unhandledRejection", other);
  });

  it("fails the check during which it happens, and only this", async () => {
    const { message, cause } = await failureOf(check("find returns the committed data"), FloatingStore);
    expect(message).toBe(
      "broken: find returns the committed data\nthe store left a rejection unhandled: Error: oops",
    );
    expect(cause).toBe(oops);
    await runCheck(check("delete of a malformed token"), backendOf(ReferenceStore));
  });

  it("fails the check whose disposal does so", async () => {
    class LateStore extends ReferenceStore {
      override async [Symbol.asyncDispose]() {
        void Promise.reject(oops);
      }
    }
    const { message } = await failureOf(check("find returns undefined for an unknown token"), LateStore);
    expect(message).toContain("the store left a rejection unhandled: Error: oops");
  });

  it("does not lose the failure of the check", async () => {
    class BrokenStore extends FloatingStore {
      override record(item: Item) {
        return { ...super.record(item), data: new Uint8Array(1) };
      }
    }
    const { message } = await failureOf(check("find returns the committed data"), BrokenStore);
    expect(message).toBe(
      'broken: find returns the committed data\ndata is <00>, not "one"\nthe store left a rejection unhandled: Error: oops',
    );
  });

  it("rejects with the store's own error if the check awaits that later", async () => {
    class RejectingStore extends ReferenceStore {
      override commit = () => Promise.reject(oops);
    }
    const awaiting: Check<ReferenceStore> = {
      name: "a check",
      async run({ store, clock }) {
        const committing = store.commit("t", new Uint8Array(), clock.in(1000));
        await new Promise(setImmediate);
        await committing;
      },
    };
    expect(await failureOf(awaiting, RejectingStore)).toBe(oops);
  });

  it("hides no rejection from other listeners, and leaves no listener behind", async () => {
    await failureOf(check("find returns the committed data"), FloatingStore);
    expect(seen).toEqual([oops]);
    expect(process.listeners("unhandledRejection")).toEqual([listener]);
  });
});
