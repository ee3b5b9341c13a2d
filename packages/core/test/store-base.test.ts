import { setImmediate } from "node:timers/promises";
import { createContext, runInContext } from "node:vm";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { stopTime } from "../../../test/stopped-time.js";
import type { SessionEntry, SessionRecord } from "../src/index.js";
import {
  type Answer,
  type Backend,
  type Call,
  pause,
  type Removal,
  StoreBase,
  type StoreBaseOptions,
} from "../src/kit/index.js";

const data = new Uint8Array([1, 2, 3]);
const expiry = new Date(4_000_000_000_000);
const options: StoreBaseOptions = { name: "store", cleanupIntervalMs: 0 };

/** A backend over a `Map`, some of whose calls fail or never end. */
class Records implements Backend {
  readonly records: Map<string, SessionRecord> = new Map();
  readonly calls: Call[] = [];
  readonly steps: number[] = [1];
  isClosed = 0;
  gate: Promise<void> = Promise.resolve();

  async execute(call: Call): Promise<Answer> {
    this.calls.push(call);
    await this.gate;
    if (call.token === "bad") throw new Error("of the driver");
    if (call.kind === "find") return this.records.get(call.token);
    if (call.kind === "commit")
      this.records.set(call.token, { data: call.data, expiry: new Date(call.expiry) });
    return undefined;
  }

  async *pages(): AsyncGenerator<Iterable<SessionEntry>, void> {
    await this.gate;
    for (const [token, record] of this.records) yield [{ token, ...record }];
  }

  async *removeExpired(): AsyncGenerator<number, void> {
    for (const step of this.steps) {
      await this.gate;
      yield step;
    }
  }

  close(): void {
    this.isClosed++;
  }
}

const ofTheCallback = { name: "StoreError", code: "UNAVAILABLE", cause: { message: "of the callback" } };
function throwing(): never {
  throw new Error("of the callback");
}

const never = new Promise<void>(() => undefined);

function gate(): { promise: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const promise = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { promise, open };
}

describe("a backend", () => {
  it("gets copies of the bytes to store", async () => {
    const backend = new Records();
    const store = new StoreBase(backend, options);
    const own = Buffer.from(data);
    const until = new Date(expiry);
    const committing = store.commit("t", own, until);
    own[0] = 99;
    until.setTime(0);
    await committing;
    expect(backend.calls).toMatchObject([{ kind: "commit", expiry: expiry.getTime() }]);
    expect([...((await store.find("t"))?.data ?? [])]).toEqual([1, 2, 3]);
  });

  it("is not called for malformed arguments", async () => {
    const backend = new Records();
    const store = new StoreBase(backend, options);
    expect(await store.find("a\0b")).toBeUndefined();
    await store.delete("\ud800");
    expect(await store.touch("", expiry)).toBe(false);
    expect(await store.replace("x".repeat(256), undefined, data, expiry)).toBe(false);
    await expect(store.commit("", data, expiry)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    await expect(store.touch("", new Date(Number.NaN))).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    expect(backend.calls).toEqual([]);
  });

  it("needs only executeNow if it is synchronous, and is refused without any method that executes calls", async () => {
    const records = new Map<string, SessionRecord>();
    const rest = { pages: () => [], removeExpired: () => [] };
    const store = new StoreBase(
      {
        ...rest,
        executeNow(call) {
          if (call.kind === "find") return records.get(call.token);
          if (call.kind === "commit")
            records.set(call.token, { data: call.data.slice(), expiry: new Date(call.expiry) });
          return undefined;
        },
      },
      options,
    );
    await store.commit("t", data, expiry);
    expect(await store.find("t")).toEqual({ data, expiry });
    expect(await store.find("\ud800")).toBeUndefined();
    expect(() => new StoreBase(rest, options)).toThrow("must have executeNow, execute or queue");
  });

  it("that throws rejects the call with a StoreError, or with its own error", async () => {
    const failure = { name: "StoreError", code: "UNAVAILABLE", cause: { message: "of the driver" } };
    await expect(new StoreBase(new Records(), options).find("bad")).rejects.toMatchObject(failure);
    const backend = new Records();
    (backend as Backend).toStoreError = () => new RangeError("translated");
    await expect(new StoreBase(backend, options).find("bad")).rejects.toThrow("translated");
  });

  it("that throws instead of translating an error rejects the call with a StoreError", async () => {
    const broken = Object.assign(new Records(), { toStoreError: throwing, findNow: throwing });
    const store = new StoreBase(broken, options);
    await expect(store.find("t")).rejects.toMatchObject(ofTheCallback);
    await expect(store.commit("bad", data, expiry)).rejects.toMatchObject(ofTheCallback);
  });

  it("that throws before the first step of a walk or a cleanup rejects it with a StoreError", async () => {
    const store = new StoreBase(
      Object.assign(new Records(), { pages: throwing, removeExpired: throwing }),
      options,
    );
    await expect(store.entries().next()).rejects.toMatchObject(ofTheCallback);
    await expect(store.deleteExpired()).rejects.toMatchObject(ofTheCallback);
  });

  it("that throws while it ends a walk does not fail the app that has left the loop", async () => {
    const pages = function* (): Generator<Iterable<SessionEntry>, void> {
      try {
        yield [{ token: "t", data, expiry }];
      } finally {
        throwing();
      }
    };
    const store = new StoreBase(Object.assign(new Records(), { pages }), options);
    for await (const { token } of store.entries()) {
      expect(token).toBe("t");
      break;
    }
  });

  it("refuses data above its limit, and names the limit", async () => {
    const store = new StoreBase(new Records(), { ...options, maxDataBytes: 2 });
    const calls = [store.commit("t", data, expiry), store.replace("t", data, data, expiry)];
    for (const outcome of await Promise.allSettled(calls)) {
      expect(outcome).toMatchObject({
        status: "rejected",
        reason: {
          code: "INVALID_ARGUMENT",
          message: `data must be at most 2 bytes, got ${data.length}`,
        },
      });
    }
  });
});

describe("a backend that never answers", () => {
  it.each<[string, (store: StoreBase) => Promise<unknown>]>([
    ["find", (store) => store.find("t")],
    ["commit", (store) => store.commit("t", data, expiry)],
    ["entries", (store) => store.entries().next()],
    ["all", (store) => store.all()],
    ["deleteExpired", (store) => store.deleteExpired()],
  ])("%s is rejected within the timeout", async (_name, call) => {
    const backend = new Records();
    backend.gate = never;
    const store = new StoreBase(backend, { ...options, timeoutMs: 20 });
    await expect(call(store)).rejects.toMatchObject({ code: "UNAVAILABLE", message: /^store: .*20 ms/ });
  });

  it("ends twenty calls for one session at the same time", async () => {
    const backend = new Records();
    backend.gate = never;
    const store = new StoreBase(backend, { ...options, timeoutMs: 100 });
    const calls = Array.from({ length: 20 }, () => store.commit("t", data, expiry));
    const outcomes = await Promise.race([Promise.allSettled(calls), pause(1_000)]); // timers that are due fire in order
    expect(outcomes?.map(({ status }) => status)).toEqual(calls.map(() => "rejected"));
    expect(backend.calls).toHaveLength(1);
  });
});

describe("disposal", () => {
  it("waits for calls, a cleanup and a snapshot in progress; then every call rejects", async () => {
    const backend = new Records();
    const { promise, open } = gate();
    backend.gate = promise;
    const store = new StoreBase(backend, options);
    const calls = [store.commit("t", data, expiry), store.deleteExpired(), store.all()];
    const disposing = store[Symbol.asyncDispose]();
    await setImmediate();
    expect(backend.isClosed).toBe(0);
    open();
    await disposing;
    expect(backend.isClosed).toBe(1);
    expect((await Promise.allSettled(calls.slice(0, 2))).map(({ status }) => status)).toEqual([
      "fulfilled",
      "fulfilled",
    ]);
    await Promise.allSettled(calls);
    for (const call of [store.find("t"), store.all(), store.deleteExpired(), store.entries().next()])
      await expect(call).rejects.toMatchObject({ code: "CLOSED" });
    await store[Symbol.asyncDispose]();
    expect(backend.isClosed).toBe(1);
  });

  it("stops an iteration and a cleanup", async () => {
    const backend = new Records();
    backend.steps.push(1, 1, 1);
    const store = new StoreBase(backend, options);
    await store.commit("a", data, expiry);
    await store.commit("b", data, expiry);
    const walk = store.entries();
    await walk.next();
    const cleaning = store.deleteExpired();
    await store[Symbol.asyncDispose]();
    expect(await cleaning).toBeLessThan(4);
    await expect(walk.next()).rejects.toMatchObject({ code: "CLOSED" });
  });

  it("may be called again after a failure", async () => {
    const backend = new Records();
    backend.close = () => {
      if (backend.isClosed++ === 0) throw new Error("busy");
    };
    const store = new StoreBase(backend, options);
    await expect(store[Symbol.asyncDispose]()).rejects.toMatchObject({ code: "UNAVAILABLE" });
    await store[Symbol.asyncDispose]();
    expect(backend.isClosed).toBe(2);
  });
});

describe("tools that replace globals", () => {
  it("a stopped clock stops no call, but decides about expiry", async () => {
    stopTime();
    const store = new StoreBase(new Records(), options);
    await store.commit("t", data, new Date(5_000));
    expect((await store.find("t"))?.data).toBeDefined();
    expect((await store.all()).size).toBe(1);
    vi.setSystemTime(5_000);
    expect((await store.all()).size).toBe(0);
    expect(await store.deleteExpired()).toBe(1);
    await store[Symbol.asyncDispose]();
  });

  it("moving the time by days rejects no call in flight", async () => {
    stopTime();
    const backend = new Records();
    const { promise, open } = gate();
    backend.gate = promise;
    const store = new StoreBase(backend, options);
    const committing = store.commit("t", data, expiry);
    vi.advanceTimersByTime(7 * 86_400_000);
    open();
    await committing;
    await store[Symbol.asyncDispose]();
  });

  it("timers may be numbers, as in jsdom", async () => {
    const { setTimeout, clearTimeout } = globalThis;
    const timers = new Map<number, NodeJS.Timeout>();
    vi.stubGlobal("setTimeout", (run: () => void, ms: number) => {
      timers.set(timers.size + 1, setTimeout(run, ms));
      return timers.size;
    });
    vi.stubGlobal("clearTimeout", (timer: number) => clearTimeout(timers.get(timer)));
    onTestFinished(() => void vi.unstubAllGlobals());
    const store = new StoreBase(new Records(), { ...options, cleanupIntervalMs: 60_000 });
    await store.commit("t", data, expiry);
    await store[Symbol.asyncDispose]();
    expect(timers.size).toBeGreaterThan(0);
  });

  it("arrays and dates of another realm are accepted; look-alikes are refused", async () => {
    const store = new StoreBase(new Records(), options);
    const other = createContext({});
    const foreign = runInContext("({ data: Uint8Array.of(1, 2, 3), expiry: new Date(4e12) })", other);
    expect(foreign.data).not.toBeInstanceOf(Uint8Array);
    await store.commit("t", foreign.data, foreign.expiry);
    const record = await store.find("t");
    expect(record?.data).toBeInstanceOf(Uint8Array);
    expect(Buffer.from(record?.data ?? [])).toEqual(Buffer.from(data));
    for (const bad of [
      new Uint16Array(1),
      new DataView(new ArrayBuffer(1)),
      [1],
      Object.create(Uint8Array.prototype),
    ])
      await expect(store.commit("t", bad, expiry)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
    for (const bad of [4e12, "2100-01-01", Object.create(Date.prototype), { getTime: () => 4e12 }])
      await expect(store.commit("t", data, bad)).rejects.toMatchObject({ code: "INVALID_ARGUMENT" });
  });
});

it("does not count the pause of a cleanup into the time of a step", async () => {
  const backend = new Records();
  async function* removals(): AsyncGenerator<Removal, void> {
    for (const removed of [1, 2]) yield { removed, pauseMs: 40 };
  }
  const store = new StoreBase(
    Object.assign(backend, { removeExpired: removals }),
    { ...options, stepTimeoutMs: 10 }, // a step takes no turn of the event loop, so that it cannot run out
  );
  expect(await store.deleteExpired()).toBe(3);
});
