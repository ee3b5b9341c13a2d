import {
  cpSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { StoreError } from "@scs/core";
import { unpack } from "@scs/core/kit";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { type HybridStore, openHybridStore } from "../src/index.js";
import { systemFiles } from "../src/log/files.js";
import { RecordBuffer } from "../src/log/record.js";
import { listFiles, Recovery } from "../src/log/recovery.js";
import { openWith } from "../src/open.js";
import { Sessions } from "../src/sessions.js";
import { makeDirectory } from "./directory.js";
import { newDirectory } from "./open.js";
import { signal } from "./signal.js";
import { show, stateOf } from "./state.js";

const expiry = new Date(4_000_000_000_000);
const later = new Date(4_000_000_001_000);
const bytes = (text: string) => Buffer.from(text);
const quiet = { cleanupIntervalMs: 0, durability: "committed" } as const;

/** Operations on a store in sequence; then its directory, and its content after each operation. */
const steps: ((store: HybridStore) => Promise<unknown>)[] = [
  (store) => store.commit("a", bytes("a1"), expiry),
  (store) => store.commit("b", bytes("b1"), expiry),
  (store) => store.commit("tøken", bytes("t1"), expiry),
  (store) => store.touch("a", later),
  (store) => store.commit("gone", bytes("g1"), expiry),
  (store) => store.delete("gone"),
  (store) => store.replace("b", bytes("b1"), bytes("b2, which is longer"), later),
  (store) => store.commit("empty", bytes(""), expiry),
  (store) => store.commit("a", bytes("a2\0\0\0"), expiry),
  (store) => store.delete("tøken"),
  (store) => store.commit("last", bytes("l1\0\0\0\0"), expiry),
];

interface Made {
  directory: string;
  /** The file to damage, and its kind. */
  path: string;
  content: Buffer;
  states: Map<string, string>[];
}

const only = (directory: string, kind: string): string => {
  const names = readdirSync(directory).filter((name) => name.startsWith(kind));
  if (names.length !== 1) throw new Error(`in the directory there is ${names.join()}`);
  return join(directory, names[0] as string);
};

async function make(kind: "log" | "snapshot"): Promise<Made> {
  const directory = newDirectory({ defer: () => undefined });
  const states: Map<string, string>[] = [new Map()];
  let store = await openHybridStore(directory, quiet);
  for (const step of steps) {
    await step(store);
    states.push(await stateOf(store));
  }
  await store[Symbol.asyncDispose]();
  if (kind === "snapshot") {
    // A snapshot of all sessions, and an empty log after it.
    const saved = signal();
    const files = {
      ...systemFiles,
      unlink: async (path: string) => {
        await systemFiles.unlink(path);
        if (path.includes("log-1-")) saved.resolve();
      },
    };
    store = await openWith(files, directory, { ...quiet, minLogBytes: 0 });
    await saved.promise;
    await store[Symbol.asyncDispose]();
  }
  const path = only(directory, kind);
  return { directory, path, content: readFileSync(path), states };
}

/** Reads the directory, as a start does. */
async function recover(directory: string): Promise<{ state: Map<string, string>; errors: StoreError[] }> {
  const errors: StoreError[] = [];
  const sessions = new Sessions(new RecordBuffer(0, 0), () => 0);
  const recovery = new Recovery(systemFiles, directory, sessions, (error) => errors.push(error));
  await recovery.run(await listFiles(systemFiles, directory));
  const state = new Map<string, string>();
  for (const shard of sessions.map.shards) {
    for (const [token, { data, expiry: ms }] of shard) state.set(token, show(unpack(data), new Date(ms)));
  }
  return { state, errors };
}

/** Opens the store twice, as after a crash, and returns its content. */
async function openTwice(directory: string): Promise<{ state: Map<string, string>; errors: StoreError[] }> {
  const errors: StoreError[] = [];
  const states: Map<string, string>[] = [];
  for (let start = 0; start < 2; start++) {
    const onError = (error: StoreError) => start > 0 || errors.push(error);
    const store = await openHybridStore(directory, { ...quiet, onError });
    states.push(await stateOf(store));
    if (start === 0) {
      await store.commit("new", bytes("n1"), expiry);
      await store.delete("new");
    }
    await store[Symbol.asyncDispose]();
  }
  expect(states[1]).toEqual(states[0]);
  return { state: states[0] as Map<string, string>, errors };
}

for (const kind of ["log", "snapshot"] as const) {
  describe(`a damaged ${kind}`, () => {
    let made: Made;
    beforeAll(async () => {
      made = await make(kind);
      return () => rmSync(made.directory, { recursive: true });
    });

    /** Replaces the intact file by the damaged one, in a new directory. */
    function damaged(content: Buffer, directory: string): string {
      rmSync(directory, { recursive: true });
      cpSync(made.directory, directory, { recursive: true });
      writeFileSync(made.path.replace(made.directory, directory), content);
      return directory;
    }

    const last = () => made.states.at(-1) as Map<string, string>;

    it("is intact before", async () => {
      const { state, errors } = await recover(made.directory);
      expect(errors).toEqual([]);
      expect(state).toEqual(last());
    });

    it("at each byte in turn: each session has its last state or is absent, and the damage is reported", {
      timeout: 60_000,
    }, async () => {
      const directory = makeDirectory();
      let absent = 0;
      for (let position = 0; position < made.content.length; position++) {
        const change = [0x01, 0x5a, 0xff][position % 3] as number;
        const content = Buffer.from(made.content);
        content[position] = (content[position] ?? 0) ^ change;
        const isTried = change === 0x5a;
        damaged(content, directory);
        const { state, errors } = await (isTried ? openTwice(directory) : recover(directory));
        const what = `byte ${position} xor ${change}`;
        for (const [token, found] of state) expect(found, `${what}: ${token}`).toBe(last().get(token));
        expect(last().size - state.size, what).toBeLessThanOrEqual(1);
        absent += last().size - state.size;
        // A 0 after the last record means nothing: it may not have been written.
        if (position < made.content.length - 1 || change !== 0xff)
          expect(errors.length, what).toBeGreaterThan(0);
        for (const error of errors) {
          expect(error).toMatchObject({ name: "StoreError", code: "CORRUPT" });
          expect(error.message, what).toMatch(new RegExp(`^hybridstore: ${kind}-`));
        }
      }
      expect(absent).toBeGreaterThan(0);
    });

    it("truncated to each length: a start finds an earlier state, and reports the loss", {
      timeout: 60_000,
    }, async () => {
      const directory = makeDirectory();
      for (let length = 0; length < made.content.length; length++) {
        damaged(made.content.subarray(0, length), directory);
        const { state, errors } = await (length % 5 === 0 ? openTwice(directory) : recover(directory));
        if (kind === "log") {
          expect(made.states, `${length} bytes`).toContainEqual(state);
          if (errors.length > 1) expect(errors, `${length} bytes`).toEqual([]);
        } else {
          for (const [token, found] of state) expect(found, `${length} bytes`).toBe(last().get(token));
          expect(errors.length, `${length} bytes`).toBeGreaterThan(0);
        }
      }
    });

    it("in any 40 bytes: later records are kept, and the position is reported", {
      timeout: 60_000,
    }, async () => {
      const directory = makeDirectory();
      for (let position = 0; position < made.content.length - 40; position += 7) {
        const content = Buffer.from(made.content).fill(0x33, position, position + 40);
        const { state, errors } = await recover(damaged(content, directory));
        expect(errors.length).toBeGreaterThan(0);
        expect(last().size - state.size, `hole at ${position}`).toBeLessThanOrEqual(3);
        expect(errors[0]?.message).toMatch(/byte|damaged/);
      }
    });

    it("in two places: both are reported", async () => {
      const content = Buffer.from(made.content);
      for (const position of [70, content.length - 60]) content[position] = (content[position] ?? 0) ^ 0x10;
      const { errors } = await recover(damaged(content, makeDirectory()));
      expect(errors.length).toBeGreaterThanOrEqual(2);
    });
  });
}

it("ignores an incomplete last record that is followed by zeros", async () => {
  const { directory, path, content, states } = await make("log");
  const before = states.at(-2) as Map<string, string>;
  const start = content.length - 33 - 4 - 6;
  for (let length = start + 1; length < content.length - 5; length++) {
    writeFileSync(path, Buffer.concat([content.subarray(0, length), Buffer.alloc(5000 - length)]));
    const { state, errors } = await recover(directory);
    expect(state, `${length} bytes`).toEqual(before);
    expect(errors.at(-1)?.message, `${length} bytes`).toContain(`the log ends at byte ${start}`);
    expect(statSync(path).size).toBe(start);
  }
  rmSync(directory, { recursive: true });
});

it.each([
  ["log", "snapshot-2"],
  ["snapshot", "snapshot-3"], // with an empty log after it
] as const)(
  "sets a damaged %s aside at the next snapshot, and reports the damage once",
  async (kind, next) => {
    const { directory, path, content } = await make(kind);
    onTestFinished(() => rmSync(directory, { recursive: true }));
    const damagedAt = content.indexOf("b2, which") + 3;
    content[damagedAt] = 0x21;
    writeFileSync(path, content);
    const saved = signal();
    const files = {
      ...systemFiles,
      rename: async (from: string, to: string) => {
        await systemFiles.rename(from, to);
        if (/snapshot-[^.]+$/.test(to)) saved.resolve();
      },
    };
    const errors: string[] = [];
    const onError = (error: StoreError) => void errors.push(error.message);
    const store = await openWith(files, directory, { ...quiet, onError });
    await saved.promise;
    await store[Symbol.asyncDispose](); // waits until the old files are removed
    expect(errors).toEqual([
      expect.stringMatching(`${kind}-\\d-.*: the data of the record at byte \\d+ is damaged`),
    ]);
    expect(readFileSync(`${path}.damaged`).equals(content)).toBe(true);
    expect(only(directory, next)).toBeDefined();
    const again = await openHybridStore(directory, { ...quiet, onError });
    expect(errors).toHaveLength(1);
    expect([...(await again.all()).keys()].sort()).toEqual(["a", "empty", "last"]);
    await again[Symbol.asyncDispose]();
  },
);

it("does not mistake data for a record, even inside a damaged record", async () => {
  const directory = makeDirectory();
  const store = await openHybridStore(directory, quiet);
  const forged = new RecordBuffer(1, 100);
  forged.append(1, "victim", "owned" as never, expiry.getTime());
  await store.commit("attacker", forged.take(), expiry);
  await store[Symbol.asyncDispose]();
  const path = only(directory, "log-");
  const content = readFileSync(path);
  content.fill(0x44, 52, 90); // the head of the record
  writeFileSync(path, content);
  expect((await recover(directory)).state).toEqual(new Map());
});

it("reports a missing log", async () => {
  const { directory, path } = await make("snapshot");
  rmSync(only(directory, "log-"));
  const { errors, state } = await recover(directory);
  expect(errors).toMatchObject([
    { message: expect.stringContaining("the log behind this snapshot is missing") },
  ]);
  expect(state.size).toBe(4);
  truncateSync(path, 0);
  renameSync(path, path.replace("snapshot-2", "snapshot-7"));
  expect((await recover(directory)).state).toEqual(new Map());
  rmSync(directory, { recursive: true });
});
