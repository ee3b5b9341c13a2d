import fs from "node:fs";
import { describe, expect, it, onTestFinished } from "vitest";
import { FileStore } from "../src/index.js";
import { makeDirectory, othersIn, pathOf } from "./directory.js";
import { type Fault, FaultyCalls } from "./faulty-calls.js";

const expiry = new Date(Date.now() + 3_600_000);
const later = new Date(Date.now() + 7_200_000);
const old = new Uint8Array(3).fill(1);
const next = new Uint8Array(4).fill(2);
const record = { data: old, expiry };

interface Operation {
  call(store: FileStore): Promise<unknown>;
  after: { data: Uint8Array; expiry: Date } | undefined;
}

const operations: Record<string, Operation> = {
  commit: { call: (store) => store.commit("t", next, later), after: { data: next, expiry: later } },
  replace: { call: (store) => store.replace("t", old, next, later), after: { data: next, expiry: later } },
  touch: { call: (store) => store.touch("t", later), after: { data: old, expiry: later } },
  delete: { call: (store) => store.delete("t"), after: undefined },
  find: { call: (store) => store.find("t"), after: record },
};

function openStore(directory: string): FileStore {
  const store = new FileStore(directory, {
    cleanupIntervalMs: 0,
    busyTimeoutMs: 60_000,
    onError: (error) => expect.fail(error.message),
  });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

describe.each(Object.entries(operations))("%s", (_name, { call, after }) => {
  for (const code of ["EIO", "ENOSPC", "EMFILE", "EACCES"]) {
    it(`has the old record or the new one after ${code} at any call of the file system, and the store still works`, async () => {
      const directory = makeDirectory();
      const calls = new FaultyCalls();
      for (let index = 0; ; index++) {
        const store = openStore(directory);
        await store.commit("t", old, expiry);
        await store[Symbol.asyncDispose]();
        const again = openStore(directory);
        let failed: string | undefined;
        const fault: Fault = (made) => {
          if (made.index !== index) return undefined;
          failed = made.name;
          return code;
        };
        const outcome = await calls.during(fault, () => call(again));
        const left = await again.find("t");
        if (outcome.status === "rejected") {
          expect(outcome.reason).toMatchObject({ name: "StoreError", code: "UNAVAILABLE", cause: { code } });
          // A change whose directory could not be synced has an effect, but may not survive a power failure.
          if (failed !== "fsync" && failed !== "open") expect(left).toEqual(record);
          else expect([record, after]).toContainEqual(left);
        } else {
          expect(left).toEqual(after);
        }
        await again.commit("t", next, later);
        expect((await again.find("t"))?.data).toEqual(next);
        await again[Symbol.asyncDispose]();
        expect(othersIn(directory)).toEqual([]);
        if (failed === undefined) break; // it makes fewer calls
      }
      expect(calls.made.length).toBeGreaterThan(0);
    });
  }
});

it("completes partial writes and reads", async () => {
  const calls = new FaultyCalls();
  const store = openStore(makeDirectory());
  const shorten: Fault = ({ name, args }) => {
    if (name === "write" || name === "read") args[3] = Math.min(args[3] as number, 7);
    return undefined;
  };
  const large = new Uint8Array(20_000).map((_, index) => index * 7);
  const outcome = await calls.during(shorten, async () => {
    await store.commit("t", large, expiry);
    expect(await store.touch("t", later)).toBe(true);
    return (await store.find("t"))?.data;
  });
  expect(outcome).toEqual({ status: "fulfilled", value: large });
});

it("rejects a write if the system accepts no byte", async () => {
  const calls = new FaultyCalls();
  const store = openStore(makeDirectory());
  const nothing: Fault = ({ name, args }) => {
    if (name === "write") args[3] = 0;
    return undefined;
  };
  const outcome = await calls.during(nothing, () => store.commit("t", old, expiry));
  expect(outcome).toMatchObject({ reason: { code: "UNAVAILABLE", cause: { code: "ENOSPC" } } });
  expect(await store.find("t")).toBeUndefined();
});

it("never passes on a token or data in an error of the file system", async () => {
  const directory = makeDirectory();
  fs.writeFileSync(`${directory}/file`, "");
  const store = openStore(`${directory}/file`);
  const secret = "hunter2-hunter2";
  const data = Buffer.from(secret);
  const calls = [
    store.find(secret),
    store.commit(secret, data, expiry),
    store.delete(secret),
    store.replace(secret, data, data, expiry),
    store.touch(secret, expiry),
  ];
  for (const outcome of await Promise.allSettled(calls)) {
    expect(outcome).toMatchObject({ status: "rejected", reason: { code: "UNAVAILABLE", cause: {} } });
    const { reason } = outcome as PromiseRejectedResult;
    const shown = `${reason.stack} ${reason.cause.stack} ${JSON.stringify([reason, reason.cause])}`;
    for (const form of [secret, data.toString("hex"), data.toString("base64")])
      expect(shown).not.toContain(form);
  }
});

it("opens at most 64 files at a time for a thousand concurrent calls", async () => {
  const calls = new FaultyCalls();
  const store = openStore(makeDirectory());
  let open = 0;
  let most = 0;
  const count: Fault = ({ name }) => {
    if (name === "open") most = Math.max(most, ++open);
    if (name === "close") open--;
    return undefined;
  };
  const tokens = Array.from({ length: 1000 }, (_, n) => `t${n}`);
  await Promise.all(tokens.map((token) => store.commit(token, old, expiry))); // makes the directories
  await calls.during(count, async () => {
    await Promise.all(tokens.map((token) => store.commit(token, next, later)));
    const found = await Promise.all(tokens.map((token) => store.find(token)));
    expect(found.every((each) => each !== undefined)).toBe(true);
  });
  expect(most).toBeGreaterThan(16);
  expect(most).toBeLessThanOrEqual(64);
});

it("releases the lock of a shard later if the first release fails", async () => {
  const directory = makeDirectory();
  const calls = new FaultyCalls();
  const store = openStore(directory);
  await store.commit("t", old, expiry);
  let failures = 0;
  const fault: Fault = ({ name, args }) =>
    name === "unlink" && String(args[0]).endsWith("lock") && failures++ < 3 ? "EIO" : undefined;
  const outcome = await calls.during(fault, async () => {
    await store.commit("t", next, later);
    await store[Symbol.asyncDispose]();
  });
  expect(outcome.status).toBe("fulfilled");
  expect(failures).toBe(4);
  expect(othersIn(directory)).toEqual([]);
  expect(fs.existsSync(pathOf(directory, "t"))).toBe(true);
});
