import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { pause } from "@scs/core/kit";
import { expect, it, onTestFinished } from "vitest";
import { FileStore } from "../src/index.js";
import { createIdentity } from "../src/lock/identity.js";
import { makeDirectory, pathOf } from "./directory.js";
import { type Fault, FaultyCalls } from "./faulty-calls.js";

const data = new Uint8Array([1, 2, 3]);
const expiry = new Date(4_000_000_000_000);

function openStore(directory: string, busyTimeoutMs = 60_000): FileStore {
  const store = new FileStore(directory, { cleanupIntervalMs: 0, busyTimeoutMs });
  onTestFinished(() => store[Symbol.asyncDispose]());
  return store;
}

const isSync: Fault = ({ name }) => (name === "fsync" ? "EIO" : undefined);

it("a repeated delete syncs the directory that the first one could not sync", async () => {
  const directory = makeDirectory();
  const calls = new FaultyCalls();
  const store = openStore(directory);
  await store.commit("t", data, expiry);
  const first = await calls.during(isSync, () => store.delete("t"));
  expect(first).toMatchObject({ status: "rejected", reason: { code: "UNAVAILABLE" } });
  expect(await store.find("t")).toBeUndefined();
  const again = await calls.during(
    () => undefined,
    () => store.delete("t"),
  );
  expect(again.status).toBe("fulfilled");
  expect(calls.made).toContain("fsync"); // otherwise a power failure could bring back a deleted session
  const another = await calls.during(isSync, () => openStore(directory).delete("t"));
  expect(another.status).toBe("rejected"); // another process may have died before it could sync its removal
});

it("treats a commit with a passed expiry as a removal", async () => {
  const directory = makeDirectory();
  const calls = new FaultyCalls();
  const store = openStore(directory);
  await store.commit("t", data, expiry);
  const remove = () => store.commit("t", data, new Date(0));
  expect((await calls.during(isSync, remove)).status).toBe("rejected");
  expect((await calls.during(isSync, remove)).status).toBe("rejected");
  expect((await calls.during(() => undefined, remove)).status).toBe("fulfilled");
});

it("syncs a created directory with the next successful write if its sync has failed", async () => {
  const above = makeDirectory();
  const directory = join(above, "deep", "sessions");
  const calls = new FaultyCalls();
  const opened = new Map<number, string>();
  const synced: string[] = [];
  let fails = true;
  const fault: Fault = ({ name, args }) => {
    if (name === "open") {
      const callback = args.at(-1) as (error: unknown, file: number) => void;
      args[args.length - 1] = (error: unknown, file: number) => {
        opened.set(file, String(args[0]));
        callback(error, file);
      };
    }
    if (name !== "fsync") return undefined;
    const path = String(opened.get(args[0] as number));
    // The shard itself can be synced, the directories above it cannot.
    if (fails && !/[/\\][0-9a-f]{2}$/.test(path)) return "EIO";
    synced.push(path);
    return undefined;
  };
  const store = openStore(directory);
  const write = () => store.commit("t", data, expiry);
  expect((await calls.during(fault, write)).status).toBe("rejected");
  expect((await calls.during(fault, write)).status).toBe("rejected");
  fails = false;
  synced.length = 0;
  expect((await calls.during(fault, write)).status).toBe("fulfilled");
  for (const path of [above, dirname(directory), directory]) expect(synced).toContain(path);
});

it("ends twenty writes of one session together when another process holds its lock", async () => {
  const directory = makeDirectory();
  const shard = dirname(pathOf(directory, "t"));
  mkdirSync(shard, { recursive: true });
  writeFileSync(join(shard, "lock"), createIdentity());
  const store = openStore(directory, 400);
  const calls = Array.from({ length: 20 }, () => store.commit("t", data, expiry));
  const outcomes = await Promise.race([Promise.allSettled(calls), pause(4_000)]); // timers that are due fire in order
  expect(outcomes).toEqual(
    calls.map(() => ({ status: "rejected", reason: expect.objectContaining({ code: "UNAVAILABLE" }) })),
  );
});
