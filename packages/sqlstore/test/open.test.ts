import { existsSync } from "node:fs";
import { describe, expect, it, vi } from "vitest";
import { openSqlStore } from "../src/index.js";
import { bytes, drivers, newPath, openStore, plainDatabase, soon } from "./fixtures/databases.js";

const opened = vi.hoisted(() => ({ handles: [] as unknown[] }));

/** Captures the store's connection, because its settings are invisible on others. */
vi.mock("better-sqlite3", async (original) => {
  const { default: Database } = await original<{ default: new (...args: unknown[]) => object }>();
  return {
    default: class extends Database {
      constructor(...args: unknown[]) {
        super(...args);
        opened.handles.push(this);
      }
    },
  };
});
vi.mock("sqlite3", async (original) => {
  const { default: sqlite3 } = await original<{
    default: { Database: new (...args: unknown[]) => object };
  }>();
  class Database extends sqlite3.Database {
    constructor(...args: unknown[]) {
      super(...args);
      opened.handles.push(this);
    }
  }
  return { default: { ...sqlite3, Database } };
});

async function pragma(name: string): Promise<unknown> {
  const handle = opened.handles.at(-1) as {
    pragma?: (name: string, options: object) => unknown;
    get: (sql: string, callback: (error: unknown, row: object) => void) => void;
  };
  if (handle.pragma) return handle.pragma(name, { simple: true });
  const row = await new Promise<object>((resolve) =>
    handle.get(`PRAGMA ${name}`, (_, found) => resolve(found)),
  );
  return Object.values(row)[0];
}

describe.each(drivers.filter((driver) => driver !== "node:sqlite"))("%s", (driver) => {
  it.each([
    ["flushed", 2],
    ["committed", 1],
    [undefined, 2],
  ] as const)("with durability %s, synchronous is %s, and WAL is on", async (durability, synchronous) => {
    const path = newPath();
    await openStore(path, durability === undefined ? { driver } : { driver, durability });
    expect(await pragma("synchronous")).toBe(synchronous);
    expect(await pragma("journal_mode")).toBe("wal");
    expect(await pragma("fullfsync")).toBe(1);
  });
});

describe.each(drivers)("%s", (driver) => {
  it("closes the file on disposal, and leaves no -wal or -shm beside it", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver });
    await store.commit("t", bytes("one"), soon());
    expect(existsSync(`${path}-wal`)).toBe(true);
    await store[Symbol.asyncDispose]();
    expect(existsSync(`${path}-wal`)).toBe(false);
  });

  it("opens an existing file unchanged", async () => {
    const path = newPath();
    const first = await openStore(path, { driver, table: "mine" });
    await first.store.commit("t", bytes("one"), soon());
    await first.store[Symbol.asyncDispose]();
    const second = await openStore(path, { driver, table: "mine" });
    expect(await second.store.find("t")).toBeDefined();
  });

  it("allows a complete copy by VACUUM INTO while the store writes", async () => {
    const path = newPath();
    const { store } = await openStore(path, { driver });
    await Promise.all(Array.from({ length: 500 }, (_, n) => store.commit(`t${n}`, bytes(`${n}`), soon())));
    const writing = Promise.all(
      Array.from({ length: 500 }, (_, n) => store.commit(`u${n}`, bytes(`${n}`), soon())),
    );
    await (await plainDatabase(driver, path)).exec(`VACUUM INTO '${path}.copy'`);
    await writing;
    const copy = await openStore(`${path}.copy`, { driver });
    const tokens = [...(await copy.store.all()).keys()];
    expect(tokens.filter((token) => token.startsWith("t"))).toHaveLength(500);
  });
});

it("uses sqlite3 by default", async () => {
  await openStore(newPath());
  expect(opened.handles.at(-1)).toHaveProperty("parallelize");
});

it("reports a driver that is not installed", async () => {
  vi.resetModules();
  vi.doMock("better-sqlite3", () => {
    throw new Error("not there");
  });
  await expect(openSqlStore(newPath(), { driver: "better-sqlite3" })).rejects.toMatchObject({
    code: "UNAVAILABLE",
    message: "sqlstore: the driver better-sqlite3 cannot be loaded; npm install better-sqlite3",
    cause: expect.any(Error),
  });
});
