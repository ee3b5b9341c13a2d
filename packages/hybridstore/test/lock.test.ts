import { fork, spawnSync } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { expect, it, onTestFinished, vi } from "vitest";
import { openHybridStore } from "../src/index.js";
import { lockDirectory } from "../src/lock/directory-lock.js";
import { describeSelf, judge } from "../src/lock/holder.js";
import { systemFiles } from "../src/log/files.js";
import { openWith } from "../src/open.js";
import { makeDirectory } from "./directory.js";
import { signal } from "./signal.js";

/** Number of rounds, each of which kills four processes; `npm run crash` at the root kills 200. */
const rounds = Math.ceil(Number(process.env.SCS_TEST_KILLS ?? 16) / 4);
const quiet = { cleanupIntervalMs: 0 };
const expiry = new Date(4_000_000_000_000);
const locksIn = (directory: string) => readdirSync(directory).filter((name) => name.startsWith("lock."));
const lockedBy = (pid: number | undefined) =>
  expect.objectContaining({
    name: "StoreError",
    code: "LOCKED",
    message: `hybridstore: the directory belongs to process ${pid}`,
  });

/** Runs a program in a PID namespace of its own, like a container. */
const isolated = ["--pid", "--fork", "--mount-proc", "--kill-child"];
const canIsolate = spawnSync("unshare", [...isolated, "true"]).status === 0;

/** Starts a process that opens the directory on request, and reports the outcome. */
async function startContender(directory: string, { isIsolated = false } = {}) {
  const program = isIsolated
    ? { execPath: "unshare", execArgv: [...isolated, process.execPath] }
    : { execArgv: [] };
  const child = fork(new URL("./contend.js", import.meta.url), [directory], program);
  onTestFinished(async () => {
    if (child.exitCode !== null || child.signalCode !== null) return;
    child.kill("SIGKILL");
    await once(child, "exit");
  });
  await once(child, "message");
  return {
    pid: child.pid,
    async contend(): Promise<string> {
      child.send("contend");
      const [outcome] = await once(child, "message");
      return outcome as string;
    },
    async kill() {
      child.kill("SIGKILL");
      await once(child, "exit");
    },
  };
}

it("refuses a second store of the same process, until the first is disposed of", async () => {
  const directory = makeDirectory();
  const first = await openHybridStore(directory, quiet);
  await expect(openHybridStore(directory, quiet)).rejects.toEqual(lockedBy(process.pid));
  expect(locksIn(directory)).toHaveLength(1);
  await first[Symbol.asyncDispose]();
  expect(locksIn(directory)).toEqual([]);
  await (await openHybridStore(directory, quiet))[Symbol.asyncDispose]();
});

it("names the ID of the owning process, and takes the directory over when that is killed", async () => {
  const directory = makeDirectory();
  const owner = await startContender(directory);
  expect(await owner.contend()).toBe("opened");
  await expect(openHybridStore(directory, quiet)).rejects.toEqual(lockedBy(owner.pid));
  await owner.kill();
  expect(locksIn(directory)).toHaveLength(1);
  const store = await openHybridStore(directory, quiet);
  expect(await store.find("of the contender")).toBeDefined();
  await store[Symbol.asyncDispose]();
  expect(locksIn(directory)).toEqual([]);
});

it("grants the directory of a dead process to one of several contenders", {
  timeout: 60_000 + rounds * 20_000,
}, async () => {
  const directory = makeDirectory();
  let last = await startContender(directory);
  await last.contend();
  for (let round = 0; round < rounds; round++) {
    const contenders = await Promise.all([0, 1, 2, 3].map(() => startContender(directory)));
    await last.kill();
    const outcomes = await Promise.all(contenders.map((each) => each.contend()));
    expect(outcomes.filter((outcome) => outcome === "opened")).toHaveLength(1);
    expect(outcomes.filter((outcome) => outcome === "LOCKED")).toHaveLength(3);
    const winner = outcomes.indexOf("opened");
    last = contenders[winner] as typeof last;
    for (const [n, each] of contenders.entries()) if (n !== winner) await each.kill();
    await expect(openHybridStore(directory, quiet)).rejects.toEqual(lockedBy(last.pid));
  }
});

it("opens one of many stores that one process opens at the same time", async () => {
  const directory = makeDirectory();
  const outcomes = await Promise.allSettled(
    Array.from({ length: 8 }, () => openHybridStore(directory, quiet)),
  );
  const opened = outcomes.filter((outcome) => outcome.status === "fulfilled");
  expect(opened).toHaveLength(1);
  for (const outcome of outcomes) {
    if (outcome.status === "rejected") expect(outcome.reason).toEqual(lockedBy(process.pid));
    else await outcome.value[Symbol.asyncDispose]();
  }
  expect(locksIn(directory)).toEqual([]);
});

/** Returns the content of this process's lock file, with changes. */
async function leaveLock(directory: string, changes: object): Promise<string> {
  const store = await openHybridStore(directory, quiet);
  const holder = JSON.parse(readFileSync(join(directory, String(locksIn(directory)[0])), "utf8"));
  await store[Symbol.asyncDispose]();
  const name = "lock.0123456789abcdef";
  writeFileSync(join(directory, name), JSON.stringify({ ...holder, ...changes }));
  return name;
}

it.each([
  ["a process number that another process has got since", { started: "1" }],
  ["another start of the system", { boot: "another" }],
  ["a process that is not there", { pid: 2 ** 30 }],
  ["one who was about to lock it", { pid: 2 ** 30, isOwner: false }],
])("a lock of %s is no lock", async (_what, changes) => {
  const directory = makeDirectory();
  await leaveLock(directory, changes);
  const store = await openHybridStore(directory, quiet);
  expect(locksIn(directory)).toHaveLength(1);
  await store[Symbol.asyncDispose]();
});

it.each(["", "\0\0\0", "{", "null", '"text"', "{}"])(
  "ignores a lock file with %j, which a power failure may leave",
  async (text) => {
    const directory = makeDirectory();
    writeFileSync(join(directory, "lock.0123456789abcdef"), text);
    await (await openHybridStore(directory, quiet))[Symbol.asyncDispose]();
    expect(locksIn(directory)).toEqual([]);
  },
);

it("respects a lock of another host, and names the file to remove", async () => {
  const directory = makeDirectory();
  const name = await leaveLock(directory, { pid: 7, host: `not-${hostname()}` });
  await expect(openHybridStore(directory, quiet)).rejects.toMatchObject({
    code: "LOCKED",
    message: `hybridstore: the directory belongs to process 7 of host not-${hostname()}; if that is gone, remove ${join(directory, name)}`,
  });
  expect(locksIn(directory)).toEqual([name]);
});

it("waits for a store that is about to lock the directory", async () => {
  const directory = makeDirectory();
  const hasLooked = signal();
  const mayGoOn = signal();
  let lists = 0;
  const files = {
    ...systemFiles,
    list: async (path: string) => {
      const names = await systemFiles.list(path);
      if (lists++ === 1) {
        // the first time, it had not created a file yet
        hasLooked.resolve();
        await mayGoOn.promise;
      }
      return names;
    },
  };
  const first = openWith(files, directory, quiet);
  await hasLooked.promise;
  let looks = 0;
  const countingFiles = {
    ...systemFiles,
    list: async (path: string) => {
      if (++looks === 3) mayGoOn.resolve();
      return systemFiles.list(path);
    },
  };
  const second = expect(openWith(countingFiles, directory, quiet)).rejects.toEqual(lockedBy(process.pid));
  const opened = await first;
  await second;
  expect(looks).toBeGreaterThanOrEqual(3);
  await opened.commit("t", new Uint8Array(1), expiry);
  await opened[Symbol.asyncDispose]();
});

it("releases the directory after a failed start", async () => {
  const directory = makeDirectory();
  let fails = true;
  const files = {
    ...systemFiles,
    open: async (path: string, flags: number, mode?: number) => {
      if (fails && path.includes("log-")) throw Object.assign(new Error("EMFILE"), { code: "EMFILE" });
      return systemFiles.open(path, flags, mode);
    },
  };
  await expect(openWith(files, directory, quiet)).rejects.toMatchObject({
    code: "UNAVAILABLE",
    cause: { code: "EMFILE" },
  });
  expect(locksIn(directory)).toEqual([]);
  fails = false;
  await (await openWith(files, directory, quiet))[Symbol.asyncDispose]();
});

const here = { host: "here", boot: "this start", namespace: "pid:[1]" };
const self = { ...describeSelf(true), ...here };
const { namespace: _, ...older } = self;

it.each([
  ["itself", self, "alive"],
  ["a process that has ended", { ...self, pid: 2 ** 30 }, "dead"],
  ["one whose ID is another's by now", { ...self, started: "1" }, "dead"],
  ["one before the system was started", { ...self, boot: "another" }, "dead"],
  ["one of another container", { ...self, namespace: "pid:[2]" }, "unknown"],
  ["one of another container, with an unused ID", { ...self, namespace: "pid:[2]", pid: 2 ** 30 }, "unknown"],
  [
    "one of another container before the system was started",
    { ...self, namespace: "pid:[2]", boot: "another" },
    "dead",
  ],
  ["one that was not told the start of the system", { ...self, boot: "" }, "unknown"],
  ["one of another host", { ...self, host: "there", boot: "another", pid: 2 ** 30 }, "alive"],
  ["one of an older version", older, "alive"],
  ["one of an older version that has ended", { ...older, pid: 2 ** 30 }, "dead"],
] as const)("a process judges %s", (_what, holder, verdict) => {
  expect(judge(holder, here)).toBe(verdict);
});

it("takes over the lock of another container after 30 s without a touch", async () => {
  const directory = makeDirectory();
  const name = await leaveLock(directory, { namespace: "pid:[1]", pid: 2 ** 30 });
  let waited = 0;
  const lock = await lockDirectory(systemFiles, directory, async (ms) => {
    waited += ms;
    expect(locksIn(directory)).toEqual([name]);
  });
  expect(waited).toBe(30_000);
  expect(locksIn(directory)).toHaveLength(1);
  expect(locksIn(directory)).not.toContain(name);
  await lock.release();
  expect(locksIn(directory)).toEqual([]);
});

it("respects a touched lock of another container, even if the touch is late", async () => {
  const directory = makeDirectory();
  const name = await leaveLock(directory, { namespace: "pid:[1]", pid: 2 ** 30 });
  let looks = 0;
  const wait = async () => {
    if (++looks === 30) utimesSync(join(directory, name), 0, 0);
  };
  await expect(lockDirectory(systemFiles, directory, wait)).rejects.toMatchObject({
    code: "LOCKED",
    message: `hybridstore: the directory belongs to process ${2 ** 30} of another container of this host`,
  });
  expect(looks).toBe(30);
  expect(locksIn(directory)).toEqual([name]);
});

it("stops waiting when another container releases its lock", async () => {
  const directory = makeDirectory();
  const name = await leaveLock(directory, { namespace: "pid:[1]" });
  let looks = 0;
  const lock = await lockDirectory(systemFiles, directory, async () => {
    looks++;
    rmSync(join(directory, name));
  });
  expect(looks).toBe(1);
  await lock.release();
});

it("does not wait for another container if its owner is known to be alive", async () => {
  const directory = makeDirectory();
  const name = await leaveLock(directory, { namespace: "pid:[1]", isOwner: false });
  writeFileSync(join(directory, "lock.fedcba9876543210"), JSON.stringify(describeSelf(true)));
  const locking = lockDirectory(systemFiles, directory, () => expect.fail("it waits"));
  await expect(locking).rejects.toEqual(lockedBy(process.pid));
  expect(locksIn(directory)).toContain(name);
});

it("touches its lock every 3 s, also after failures, until disposal", async () => {
  vi.useFakeTimers({ toFake: ["setInterval", "clearInterval"] });
  onTestFinished(() => void vi.useRealTimers());
  const directory = makeDirectory();
  const calls: string[] = [];
  let touched = signal();
  const files = {
    ...systemFiles,
    touch: async (path: string) => {
      calls.push(path);
      if (calls.length === 1) throw Object.assign(new Error("EIO"), { code: "EIO" });
      await systemFiles.touch(path);
      touched.resolve();
    },
  };
  const store = await openWith(files, directory, quiet);
  const path = join(directory, String(locksIn(directory)[0]));
  utimesSync(path, 0, 0);
  await vi.advanceTimersByTimeAsync(3000);
  expect(calls).toEqual([path]);
  await vi.advanceTimersByTimeAsync(3000);
  await touched.promise;
  expect(statSync(path).mtimeMs).toBeGreaterThan(0);
  touched = signal();
  await vi.advanceTimersByTimeAsync(3000);
  await touched.promise;
  expect(calls).toEqual([path, path, path]);
  await store[Symbol.asyncDispose]();
  expect(vi.getTimerCount()).toBe(0);
});

it.skipIf(!canIsolate)(
  "refuses the second of two containers with one host name while the first is alive",
  async () => {
    const directory = makeDirectory();
    const owner = await startContender(directory, { isIsolated: true });
    expect(await owner.contend()).toBe("opened");
    const [name] = locksIn(directory);
    const other = await startContender(directory, { isIsolated: true });
    const [outcome] = await Promise.all([
      other.contend(),
      expect(openHybridStore(directory, quiet)).rejects.toMatchObject({
        code: "LOCKED",
        message: expect.stringMatching(/belongs to process \d+ of another container of this host$/),
      }),
    ]);
    expect(outcome).toBe("LOCKED");
    expect(locksIn(directory)).toEqual([name]);
    await owner.kill();
    const lock = await lockDirectory(systemFiles, directory, async () => undefined); // 30 s in no time
    await lock.release();
    const store = await openHybridStore(directory, quiet);
    expect(await store.find("of the contender")).toBeDefined();
    await store[Symbol.asyncDispose]();
    expect(locksIn(directory)).toEqual([]);
  },
);
