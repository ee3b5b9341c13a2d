import { fork } from "node:child_process";
import { once } from "node:events";
import fs, { mkdirSync, readFileSync, statSync, truncateSync, writeFileSync } from "node:fs";
import { rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { open } from "lmdb";
import { expect, it, onTestFinished, vi } from "vitest";
import { smallDisk } from "../../../test/small-disk.js";
import { BoltStore, openBoltStore } from "../src/index.js";
import { prepareDataFile } from "../src/lmdb/data-file.js";
import { own } from "../src/lmdb/ownership.js";
import { makeDirectory } from "./directory.js";

const expiry = new Date(Date.now() + 3_600_000);
const data = new Uint8Array(300).fill(7);
const noCleanup = { cleanupIntervalMs: 0 };
const unavailable = (message: RegExp) =>
  expect.objectContaining({
    name: "StoreError",
    code: "UNAVAILABLE",
    message: expect.stringMatching(message),
  });

async function fill(path: string, count: number): Promise<void> {
  const store = await openBoltStore(path, noCleanup);
  await Promise.all(Array.from({ length: count }, (_, n) => store.commit(`t${n}`, data, expiry)));
  await store[Symbol.asyncDispose]();
}

/** Makes another process hold the write lock. Returns the function that ends it. */
async function holdLock(path: string): Promise<() => Promise<void>> {
  const holder = fork(new URL("./hold-lock.js", import.meta.url), [path]);
  const exited = once(holder, "exit");
  const release = async (): Promise<void> => {
    holder.kill("SIGKILL"); // LMDB releases the lock of a dead process
    await exited;
  };
  onTestFinished(release);
  await once(holder, "message");
  return release;
}

for (const [what, content] of [
  ["a text", "this is no database\n".repeat(1000)],
  ["a few bytes", "x"],
  ["a file of zeros", Buffer.alloc(8192)],
] as const) {
  it(`refuses ${what}, and leaves it unchanged`, async () => {
    const path = join(makeDirectory(), "file");
    writeFileSync(path, content);
    await expect(openBoltStore(path)).rejects.toEqual(unavailable(/not an LMDB database/));
    expect(readFileSync(path).equals(Buffer.from(content))).toBe(true);
  });
}

for (const share of [0.99, 0.5, 0.1, 0.001]) {
  it(`refuses a file truncated to ${share * 100} %`, async () => {
    const path = join(makeDirectory(), "file");
    await fill(path, 1000);
    truncateSync(path, Math.floor(statSync(path).size * share));
    await expect(openBoltStore(path)).rejects.toEqual(unavailable(/truncated|not an LMDB database/));
  });
}

it("accepts a file after a system failure if it contains everything that was flushed", async () => {
  const path = join(makeDirectory(), "file");
  await fill(path, 1000);
  const file = readFileSync(path);
  const pageSize = file.readUInt32LE(48);
  file.writeBigUInt64LE(5n, pageSize / 2 + 144); // the last page of what was flushed
  writeFileSync(path, file.subarray(0, 20 * pageSize));
  await expect(openBoltStore(path)).rejects.toEqual(unavailable(/truncated/)); // the system has not failed
  for (const page of [0, pageSize]) file.writeBigInt64LE(1n, page + 160); // written before the system started
  writeFileSync(path, file.subarray(0, 20 * pageSize));
  expect(() => prepareDataFile(path)).not.toThrow();
  writeFileSync(path, file.subarray(0, 5 * pageSize));
  await expect(openBoltStore(path)).rejects.toEqual(unavailable(/truncated/));
});

it("flushes the name of the file before it opens, except with committed", async () => {
  const path = join(makeDirectory(), "file");
  const sync = vi.spyOn(fs, "fsyncSync").mockImplementation(() => {
    throw Object.assign(new Error("EIO: injected"), { code: "EIO" });
  });
  onTestFinished(() => sync.mockRestore());
  await expect(openBoltStore(path)).rejects.toMatchObject({ code: "UNAVAILABLE", cause: { code: "EIO" } });
  await (await openBoltStore(path, { ...noCleanup, durability: "committed" }))[Symbol.asyncDispose]();
  sync.mockRestore();
  await (await openBoltStore(path, noCleanup))[Symbol.asyncDispose]();
});

it("refuses a path that cannot be a file, with the reason as cause", async () => {
  const directory = makeDirectory();
  mkdirSync(join(directory, "directory"));
  writeFileSync(join(directory, "file"), "");
  for (const [name, code] of [
    ["directory", "EISDIR"],
    ["file/below", "ENOTDIR"],
    ["missing/file", "ENOENT"],
  ] as const) {
    const opening = openBoltStore(join(directory, name));
    await expect(opening).rejects.toEqual(unavailable(/cannot be used/));
    await expect(opening).rejects.toHaveProperty("cause.code", code);
  }
});

it("refuses an unusable lock file instead of ending the process", async () => {
  const path = join(makeDirectory(), "file");
  mkdirSync(`${path}-lock`);
  await expect(openBoltStore(path)).rejects.toEqual(unavailable(/lock file beside the file is no file/));
});

it("creates files that only their owner can read", async () => {
  const path = join(makeDirectory(), "file");
  await fill(path, 1);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(`${path}-lock`).mode & 0o777).toBe(0o600);
});

it("rejects calls on a database that the app has closed", async () => {
  const db = open({ path: join(makeDirectory(), "file"), noSubdir: true });
  const store = new BoltStore(db, noCleanup);
  await store.commit("t", data, expiry);
  await db.close();
  await expect(store.find("t")).rejects.toEqual(unavailable(/cannot be used/));
  await expect(store.commit("t", data, expiry)).rejects.toEqual(unavailable(/cannot be used/));
  await expect(store.entries().next()).rejects.toEqual(unavailable(/cannot be used/));
  await expect(store.deleteExpired()).rejects.toEqual(unavailable(/cannot be used/));
  await store[Symbol.asyncDispose]();
});

it("rejects a write after busyTimeoutMs if another process holds the lock, and does not make it later", async () => {
  const path = join(makeDirectory(), "file");
  const store = await openBoltStore(path, { ...noCleanup, busyTimeoutMs: 50 });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const patient = await openBoltStore(path, { ...noCleanup, busyTimeoutMs: 60_000 });
  onTestFinished(() => patient[Symbol.asyncDispose]());
  await patient.commit("before", data, expiry);
  const release = await holdLock(path);

  const writes = [
    store.commit("late", data, expiry),
    store.delete("before"),
    store.replace("before", data, new Uint8Array(1), expiry),
    store.find("late"), // waits for the commit
  ];
  for (const { status, ...outcome } of await Promise.allSettled(writes)) {
    expect(status).toBe("rejected");
    expect(outcome).toEqual({ reason: unavailable(/kept the write lock for 50 ms/) });
  }
  expect((await store.find("before"))?.data).toEqual(data); // reads need no lock

  await release();
  await patient.commit("after", data, expiry);
  expect([...(await patient.all()).keys()].sort()).toEqual(["after", "before"]);
});

it("rejects disposal after busyTimeoutMs if another process holds the lock, and completes it when the lock is free", async () => {
  const path = join(makeDirectory(), "file");
  const store = await openBoltStore(path, { ...noCleanup, busyTimeoutMs: 50 });
  onTestFinished(() => store[Symbol.asyncDispose]());
  const release = await holdLock(path);

  const outcomes = await Promise.allSettled([
    store.commit("late", data, expiry),
    store[Symbol.asyncDispose](),
  ]);
  expect(outcomes).toEqual([
    { status: "rejected", reason: unavailable(/kept the write lock for 50 ms$/) },
    { status: "rejected", reason: unavailable(/kept the write lock for 50 ms; .* closed when it lets go/) },
  ]);

  await release();
  await store[Symbol.asyncDispose]();
  const again = await openBoltStore(path, noCleanup);
  expect(await again.find("late")).toBeUndefined();
  await again[Symbol.asyncDispose]();
});

it("leaves no timer after disposal", async () => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => void vi.useRealTimers());
  const store = await openBoltStore(join(makeDirectory(), "file"));
  await store.commit("t", data, expiry);
  await store[Symbol.asyncDispose]();
  await vi.advanceTimersByTimeAsync(1000); // the driver's timers
  expect(vi.getTimerCount()).toBe(0);
});

it("refuses to open on a full disk if LMDB would allocate pages, instead of ending the process", async (context) => {
  const disk = await smallDisk(2_000_000, context);
  const path = join(disk, "file");
  await fill(path, 1);
  writeFileSync(join(disk, "ballast"), Buffer.alloc(1_950_000));

  const store = await openBoltStore(path, noCleanup);
  expect((await store.find("t0"))?.data).toEqual(data);
  await store[Symbol.asyncDispose]();

  const full = {
    code: "UNAVAILABLE",
    message: expect.stringMatching(/no space left/),
    cause: { code: "ENOSPC" },
  };
  await expect(openBoltStore(join(disk, "new"))).rejects.toMatchObject(full);
  truncateSync(`${path}-lock`);
  await expect(openBoltStore(path)).rejects.toMatchObject(full);
  await rm(`${path}-lock`);
  await expect(openBoltStore(path)).rejects.toMatchObject(full);

  await rm(join(disk, "ballast"));
  for (const name of ["file", "new"]) {
    await (await openBoltStore(join(disk, name), noCleanup))[Symbol.asyncDispose]();
  }
});

it("rejects only writes that do not fit on a full disk, and works again when there is space", async (context) => {
  const disk = await smallDisk(2_000_000, context);
  const error = vi.spyOn(console, "error").mockImplementation(() => undefined); // the driver also prints its rejections
  onTestFinished(() => error.mockRestore());
  const store = await openBoltStore(join(disk, "file"), noCleanup);
  onTestFinished(() => store[Symbol.asyncDispose]());
  await store.commit("before", data, expiry);
  await writeFile(join(disk, "ballast"), Buffer.alloc(1_400_000));

  const large = new Uint8Array(600_000);
  const outcomes = await Promise.allSettled([
    store.commit("small", data, expiry),
    store.commit("large", large, expiry),
    store.commit("too", data, expiry),
  ]);
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "rejected", "fulfilled"]);
  expect(outcomes[1]).toHaveProperty("reason", unavailable(/no space left on the disk/));
  for (const token of ["before", "small", "too"]) expect((await store.find(token))?.data).toEqual(data);
  expect(await store.find("large")).toBeUndefined();
  await store.delete("too");

  await rm(join(disk, "ballast"));
  await store.commit("large", large, expiry);
  expect([...(await store.all()).keys()].sort()).toEqual(["before", "large", "small"]);
});

for (const owner of ["store", "app"]) {
  it(`lets the ${owner} close the database after a write that did not fit on a full disk`, async (context) => {
    const disk = await smallDisk(2_000_000, context);
    const error = vi.spyOn(console, "error").mockImplementation(() => undefined);
    onTestFinished(() => error.mockRestore());
    const path = join(disk, "file");
    const db = owner === "app" ? open({ path, noSubdir: true }) : undefined;
    const store = db ? new BoltStore(db, noCleanup) : await openBoltStore(path, noCleanup);
    await writeFile(join(disk, "ballast"), Buffer.alloc(1_900_000));
    const large = store.commit("large", new Uint8Array(600_000), expiry);
    await expect(large).rejects.toEqual(unavailable(/no space left on the disk/));
    await store[Symbol.asyncDispose]();
    await db?.close();
  });
}

it("names no other process if disposal waits for something else than its lock", async () => {
  const path = join(makeDirectory(), "file");
  await fill(path, 1);
  const db = open({ path, noSubdir: true });
  const close = vi.spyOn(db, "close").mockReturnValue(new Promise(() => undefined));
  onTestFinished(() => {
    close.mockRestore();
    return db.close();
  });
  const store = new BoltStore(own(db), { ...noCleanup, busyTimeoutMs: 1 });
  await expect(store[Symbol.asyncDispose]()).rejects.toEqual(
    unavailable(/the database could not be closed within 1 ms$/),
  );
});

it("refuses an option out of range, with the allowed values", () => {
  const db = open({ path: join(makeDirectory(), "file"), noSubdir: true });
  onTestFinished(() => db.close());
  expect(() => new BoltStore(db, { durability: "often" as "flushed" })).toThrow(
    'durability must be "flushed" or "committed", got often',
  );
  for (const busyTimeoutMs of [0, 2 ** 31, 0.5, Number.NaN]) {
    expect(() => new BoltStore(db, { busyTimeoutMs })).toThrow(RangeError);
  }
  expect(() => new BoltStore({} as typeof db)).toThrow('which open() of the package "lmdb" returns');
});
