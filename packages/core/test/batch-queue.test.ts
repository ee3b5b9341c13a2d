import { setImmediate } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, it } from "vitest";
import {
  AGAIN,
  type Answer,
  type Batch,
  BatchQueue,
  type BatchQueueOptions,
  type Call,
} from "../src/kit/index.js";

const data = new Uint8Array(1);
const tokensOf = (calls: readonly Call[]): string => calls.map(({ token }) => token).join("");

function throwing(): never {
  throw new Error("of the callback");
}

/** A backend whose answers the test controls. */
function makeQueue(options: Partial<BatchQueueOptions> = {}) {
  const batches: string[] = [];
  const running: {
    calls: readonly Call[];
    answer: (answers?: Answer[]) => void;
    fail: (error: unknown) => void;
  }[] = [];
  const queue = new BatchQueue({
    name: "store",
    timeoutMs: 60_000,
    execute: (batch: Batch) =>
      new Promise((resolve, reject) => {
        const calls = [...batch];
        batches.push(tokensOf(calls));
        running.push({
          calls,
          answer: (answers = calls.map(() => undefined)) => resolve(answers),
          fail: reject,
        });
      }),
    ...options,
  });
  const commit = (token: string): Promise<undefined> => queue.run("commit", token, undefined, data, 1);
  const find = (token: string) => queue.run("find", token);
  return { queue, batches, running, commit, find };
}

describe("batches", () => {
  it("contain the calls that arrived during the batch before", async () => {
    const { batches, running, commit } = makeQueue();
    const calls = ["a", "b", "c"].map(commit);
    expect(batches).toEqual(["a"]);
    running[0]?.answer();
    await calls[0];
    await setImmediate();
    expect(batches).toEqual(["a", "bc"]);
    running[1]?.answer();
    await Promise.all(calls);
  });

  it("take their calls when they are iterated, which may be later", async () => {
    let start = (): void => undefined;
    const ready = new Promise<void>((resolve) => {
      start = resolve;
    });
    const seen: string[] = [];
    const { commit } = makeQueue({
      execute: async (batch) => {
        await ready;
        const calls = [...batch];
        seen.push(tokensOf(calls));
        return calls.map(() => undefined);
      },
    });
    const calls = ["a", "b", "c"].map(commit);
    await setImmediate();
    start();
    await Promise.all(calls);
    expect(seen).toEqual(["abc"]);
  });

  it("contain one call per token, in order; in a sequence, all calls of a token", async () => {
    for (const batchIs of ["set", "sequence"] as const) {
      const order: number[] = [];
      const sizes: number[] = [];
      const { queue } = makeQueue({
        batchIs,
        execute: async (batch) => {
          await setImmediate();
          const calls = [...batch];
          sizes.push(calls.length);
          for (const call of calls) if (call.kind === "commit") order.push(call.expiry);
          return calls.map(() => undefined);
        },
      });
      await Promise.all([1, 2, 3, 4].map((n) => queue.run("commit", "t", undefined, data, n)));
      expect(order).toEqual([1, 2, 3, 4]);
      expect(sizes).toEqual(batchIs === "set" ? [1, 1, 1, 1] : [4]);
    }
  });

  it("are limited in calls and bytes, and a larger call is a batch of its own", async () => {
    const { batches, running, commit, queue } = makeQueue({ lanes: [{ maxCalls: 3, maxBytes: 1000 }] });
    const large = (token: string) => queue.run("commit", token, undefined, new Uint8Array(2000), 1);
    const calls = [commit("0"), ...["a", "b", "c", "d"].map(commit), large("L"), commit("e"), commit("f")];
    for (let n = 0; n < 5; n++) {
      running[n]?.answer();
      await setImmediate();
    }
    await Promise.all(calls);
    expect(batches).toEqual(["0", "abc", "d", "L", "ef"]);
  });

  it("in different lanes do not wait for each other, except for one token", async () => {
    const { batches, running, commit, find } = makeQueue({ lanes: [{ kinds: ["find"] }, {}] });
    const calls: Promise<unknown>[] = [commit("a"), find("b"), find("a")];
    expect(batches).toEqual(["a", "b"]);
    running[1]?.answer();
    await setImmediate();
    expect(batches).toEqual(["a", "b"]);
    running[0]?.answer();
    await setImmediate();
    expect(batches).toEqual(["a", "b", "a"]);
    running[2]?.answer();
    await Promise.all(calls);
  });

  it("of several workers share the waiting calls", async () => {
    const { batches, running, commit } = makeQueue({ lanes: [{ workers: 2, minShare: 2 }] });
    const calls = ["a", "b", "c", "d", "e", "f"].map(commit);
    expect(batches).toEqual(["a", "b"]);
    running[0]?.answer();
    running[1]?.answer();
    await setImmediate();
    expect(batches.slice(2)).toEqual(["cdef"]);
    running[2]?.answer();
    await Promise.all(calls);
  });

  it("of different groups are not mixed", async () => {
    const { batches, running, queue } = makeQueue({ lanes: [{ groupOf: ({ kind }) => kind }] });
    const calls = [
      queue.run("delete", "a"),
      queue.run("delete", "b"),
      queue.run("touch", "c"),
      queue.run("delete", "d"),
    ];
    for (let n = 0; n < 3; n++) {
      running[n]?.answer();
      await setImmediate();
    }
    await Promise.all(calls);
    expect(batches).toEqual(["a", "bd", "c"]);
  });
});

describe("finds of one token that follow each other", () => {
  it("are executed as one, and each gets its own copy of the answer", async () => {
    const { batches, running, commit, find } = makeQueue();
    const first = commit("t");
    const finds = [find("t"), find("t")];
    running[0]?.answer();
    await setImmediate();
    running[1]?.answer([{ data: new Uint8Array([1]), expiry: new Date(2) }]);
    const [one, other] = (await Promise.all(finds)) as { data: Uint8Array; expiry: Date }[];
    await first;
    expect(batches).toEqual(["t", "t"]);
    expect(other).toEqual(one);
    expect(other?.data.buffer).not.toBe(one?.data.buffer);
    expect(other?.expiry).not.toBe(one?.expiry);
  });

  it("do not pass a write that was made between them", async () => {
    const { batches, running, commit, find } = makeQueue();
    const calls = [commit("x"), find("t"), commit("t"), find("t")];
    for (let n = 0; n < 4; n++) {
      running[n]?.answer();
      await setImmediate();
    }
    await Promise.all(calls);
    expect(batches).toEqual(["x", "t", "t", "t"]);
  });
});

describe("failures", () => {
  for (const batchIs of ["set", "sequence"] as const) {
    it(`one bad record fails alone, by halves, in a ${batchIs}`, async () => {
      const sizes: number[] = [];
      const { commit } = makeQueue({
        batchIs,
        mayConcernOneCall: () => true,
        execute: async (batch) => {
          await setImmediate();
          const calls = [...batch];
          sizes.push(calls.length);
          if (calls.some(({ token }) => token === "t7")) throw new Error("bad");
          return calls.map(() => undefined);
        },
      });
      const outcomes = await Promise.allSettled(Array.from({ length: 64 }, (_, n) => commit(`t${n}`)));
      expect(outcomes.map(({ status }, n) => (status === "rejected" ? n : -1)).filter((n) => n >= 0)).toEqual(
        [7],
      );
      expect(outcomes[7]).toMatchObject({
        reason: { name: "StoreError", code: "UNAVAILABLE", cause: { message: "bad" } },
      });
      expect(sizes).toHaveLength(1 + 2 * 6);
    });
  }

  it("keep the order of calls that a repeated batch did not take", async () => {
    const order: number[] = [];
    let hasFailed = false;
    const { queue } = makeQueue({
      batchIs: "sequence",
      mayConcernOneCall: () => true,
      execute: async (batch) => {
        await setImmediate();
        const calls: Call[] = [];
        for (const call of batch) if (calls.push(call) === (hasFailed ? 2 : 9)) break;
        if (!hasFailed) {
          hasFailed = true;
          throw new Error("once");
        }
        for (const call of calls) if (call.kind === "commit") order.push(call.expiry);
        return calls.map(() => undefined);
      },
    });
    const numbers = Array.from({ length: 20 }, (_, n) => n);
    await Promise.all(numbers.map((n) => queue.run("commit", `t${n % 3}`, undefined, data, n)));
    expect(order).toEqual(numbers);
  });

  it("fail the whole batch at once if the error concerns the backend", async () => {
    const { running, commit } = makeQueue();
    const calls = ["a", "b", "c"].map(commit);
    const outcomes = Promise.allSettled(calls);
    running[0]?.answer();
    await setImmediate();
    running[1]?.fail(new Error("down"));
    expect((await outcomes).map(({ status }) => status)).toEqual(["fulfilled", "rejected", "rejected"]);
  });

  it("fail the whole batch if mayConcernOneCall throws, and do not stop the queue", async () => {
    const { queue, running, commit } = makeQueue({ mayConcernOneCall: throwing });
    const outcomes = Promise.allSettled(["a", "b", "c"].map(commit));
    running[0]?.answer();
    await setImmediate();
    running[1]?.fail(new Error("of the driver"));
    const failed = { status: "rejected", reason: { cause: { message: "of the driver" } } };
    expect(await outcomes).toMatchObject([{ status: "fulfilled" }, failed, failed]);
    await queue.answered();
    const last = commit("d");
    running[2]?.answer();
    await last;
  });

  it("reject calls whose answers cannot be read, and do not stop the queue", async () => {
    const { queue, running, commit, find } = makeQueue();
    const calls = Promise.allSettled([commit("t"), find("t"), find("t")]);
    running[0]?.answer();
    await setImmediate();
    running[1]?.answer([null as unknown as undefined]);
    expect((await calls)[2]).toMatchObject({ reason: { code: "UNAVAILABLE", cause: { name: "TypeError" } } });
    await queue.answered();
    const last = commit("t");
    running[2]?.answer();
    await last;
  });

  it("reject waiting calls if a worker cannot begin, unless another one is running", async () => {
    let isDown = false;
    const begun: Batch[] = [];
    const down = new BatchQueue({
      name: "store",
      timeoutMs: 60_000,
      lanes: [{ workers: 2, minShare: 1 }],
      async execute(batch) {
        await setImmediate();
        if (isDown) throw new Error("no connection");
        begun.push(batch);
        return [...batch].map(() => undefined);
      },
    });
    await down.run("delete", "a");
    isDown = true;
    const outcomes = await Promise.allSettled(["b", "c", "d"].map((token) => down.run("delete", token)));
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    isDown = false;
    await down.run("delete", "b");
    expect(begun).toHaveLength(2);
  });

  it("end a find that the app repeats while the calls that wait are rejected", async () => {
    const { find } = makeQueue({ execute: () => Promise.reject(new Error("down")) });
    const repeated = find("t").catch(() => find("t"));
    await expect(repeated).rejects.toMatchObject({ cause: { message: "down" } });
  });

  it("execute calls answered with AGAIN before all others, in order", async () => {
    const { batches, running, commit } = makeQueue({ batchIs: "sequence" });
    const calls = ["x", "a", "b", "c"].map(commit);
    running[0]?.answer();
    await setImmediate();
    const late = commit("d");
    running[1]?.answer([AGAIN, undefined, AGAIN]);
    for (let n = 2; n < 4; n++) {
      await setImmediate();
      running[n]?.answer();
    }
    await Promise.all([...calls, late]);
    expect(batches).toEqual(["x", "abc", "ac", "d"]);
  });

  it("reject the remaining calls if the backend returns too few answers", async () => {
    const { running, commit } = makeQueue();
    const call = commit("a");
    running[0]?.answer([]);
    await expect(call).rejects.toMatchObject({ code: "UNAVAILABLE" });
  });

  it("replace the error of a call that failed alone by answerFailure", async () => {
    const { running, find } = makeQueue({
      answerFailure: async (call) => (call.kind === "find" ? undefined : false),
    });
    const call = find("a");
    running[0]?.fail(new Error("damaged"));
    expect(await call).toBeUndefined();
  });
});

describe("time", () => {
  it("rejects a waiting call at its timeout, and never makes it", async () => {
    const { batches, running, commit } = makeQueue({ timeoutMs: 20 });
    const calls = ["a", "b", "a"].map(commit);
    const outcomes = await Promise.allSettled(calls);
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected", "rejected"]);
    expect(outcomes.map((outcome) => (outcome as PromiseRejectedResult).reason.message)).toEqual([
      "store: no answer within 20 ms; whether a write takes effect is unknown",
      "store: the calls before this one took 20 ms; this one was not started",
      "store: the calls before this one took 20 ms; this one was not started",
    ]);
    running[0]?.answer();
    await setImmediate();
    expect(batches).toEqual(["a"]);
  });

  it("keeps a token pending until the backend has finished, even after the timeout", async () => {
    for (const batchIs of ["set", "sequence"] as const) {
      const { queue, running, commit } = makeQueue({ timeoutMs: 20, batchIs });
      await Promise.allSettled([commit("a"), commit("a")]);
      expect(queue.isPending("a")).toBe(true);
      running[0]?.answer();
      await queue.answered();
      expect(queue.isPending("a")).toBe(false);
    }
  });

  it("releases timed-out calls while the backend hangs", async () => {
    for (const batchIs of ["set", "sequence"] as const) {
      const { commit, running, batches } = makeQueue({ timeoutMs: 5, batchIs, maxWaiting: 10 });
      for (let round = 0; round < 5; round++) {
        const outcomes = await Promise.allSettled(["a", "a", "b", "c", "c"].map(commit));
        for (const outcome of outcomes) expect(outcome).toMatchObject({ reason: { message: /within|took/ } });
      }
      running[0]?.answer();
      await setImmediate();
      expect(batches).toEqual(["a"]);
    }
  });

  it("rejects finds that share an answer each at its own timeout", async () => {
    const { queue, running, commit, find } = makeQueue({ timeoutMs: 20 });
    const first = commit("t");
    const finds = Promise.allSettled([find("t"), find("t")]);
    running[0]?.answer();
    await first;
    const outcomes = await finds; // both of one batch that never answers
    expect(outcomes.map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    running[1]?.answer([{ data, expiry: new Date() }]);
    await queue.answered();
  });
});

describe("callbacks that throw", () => {
  it("lateMessage: late calls get the default message, and the deadlines of later calls hold", async () => {
    const { running, commit } = makeQueue({ timeoutMs: 5, lateMessage: throwing });
    for (const token of ["a", "b"]) {
      await expect(commit(token)).rejects.toMatchObject({ message: /within 5 ms|took 5 ms/ });
    }
    running[0]?.answer();
  });

  for (const callback of ["groupOf", "extraBytes"] as const) {
    it(`${callback}: fails its call alone, and does not stop the queue`, async () => {
      const { queue, commit } = makeQueue({
        lanes: [{ [callback]: ({ token }: Call) => (token === "bad" ? throwing() : 0) }],
        execute: async (batch) => batch.take().map(() => undefined),
      });
      const outcomes = await Promise.allSettled(["a", "bad", "bad", "b"].map(commit));
      const failed = { status: "rejected", reason: { cause: { message: "of the callback" } } };
      expect(outcomes).toMatchObject([{ status: "fulfilled" }, failed, failed, { status: "fulfilled" }]);
      await queue.close();
    });
  }
});

describe("bounds", () => {
  it("refuses a call at once when the queue is full, and names the limit: calls or bytes", async () => {
    const { queue, running, commit } = makeQueue({ maxWaiting: 3, maxWaitingBytes: 10_000 });
    const calls = ["a", "b", "c"].map(commit);
    await expect(commit("d")).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message: /the queue holds 3 calls, which is its limit/,
    });
    running[0]?.answer();
    await calls[0];
    await setImmediate();
    const large = () => queue.run("commit", "e", undefined, new Uint8Array(20_000), 1);
    await expect(large()).rejects.toMatchObject({
      code: "UNAVAILABLE",
      message:
        /the queue holds 2 calls of \d+ bytes, and its limit is 10000 bytes; this call was not started/,
    });
    running[1]?.answer();
    await Promise.all(calls);
    await setImmediate();
    const alone = large();
    running[2]?.answer();
    await alone;
  });

  it("keeps no call that has its answer, even while an earlier one hangs", async () => {
    setFlagsFromString("--expose-gc");
    const collectGarbage = runInNewContext("gc") as () => void;
    const { queue, running, commit } = makeQueue({ lanes: [{ workers: 2 }] });
    const hanging = commit("hanging");
    const kept: WeakRef<Uint8Array>[] = [];
    for (let n = 0; n < 10; n++) {
      const bytes = new Uint8Array(1);
      kept.push(new WeakRef(bytes));
      const call = queue.run("commit", `t${n}`, undefined, bytes, 1);
      running.pop()?.answer();
      await call;
      await setImmediate();
    }
    collectGarbage();
    expect(kept.filter((bytes) => bytes.deref() !== undefined).length).toBeLessThan(2);
    running[0]?.answer();
    await hanging;
  });

  it("takes constant time per call, whatever the length of the queue", async () => {
    const { commit, queue } = makeQueue({
      lanes: [{ maxCalls: 128 }],
      execute: async (batch) => {
        await setImmediate();
        return [...batch].map(() => undefined);
      },
    });
    // CPU time, which does not depend on other work of the machine.
    const timeOf = async (count: number): Promise<number> => {
      const before = process.cpuUsage();
      await Promise.all(Array.from({ length: count }, (_, n) => commit(`t${n}`)));
      const { user, system } = process.cpuUsage(before);
      return (user + system) / count;
    };
    await timeOf(10_000);
    const few = await timeOf(10_000);
    expect(await timeOf(150_000)).toBeLessThan(20 * few); // quadratic, it would be 225 times
    await queue.answered();
  });
});

it("answered resolves when all earlier calls have ended", async () => {
  const { queue, running, commit } = makeQueue();
  await queue.answered();
  const first = commit("a");
  let isDone = false;
  const answered = queue.answered().then(() => {
    isDone = true;
  });
  const second = commit("b");
  await setImmediate();
  expect(isDone).toBe(false);
  running[0]?.answer();
  await answered;
  await first;
  await setImmediate();
  running[1]?.answer();
  await second;
});
