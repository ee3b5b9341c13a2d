import { open, readFile, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import type { ContenderKind } from "./contender.js";
import { groups } from "./groups.js";
import type { BenchSession } from "./sessions.js";

const decoder = new TextDecoder();

/** What all limits that take bytes and give them alone have in common. */
export const onBytes = {
  style: "promise",
  prepare: (session: BenchSession): unknown => Buffer.from(JSON.stringify(session)),
  read: (found: unknown): BenchSession => JSON.parse(decoder.decode(found as Uint8Array)),
  bytesOf: (found: unknown): Uint8Array => found as Uint8Array,
} as const;

const bytes = { takes: "bytes" } as const;

interface Item {
  data: Buffer;
  expiry: number;
}

/** The map that keeps sessions, with copies in and out, as the contract asks for. */
function inMap(items: Map<string, Item>) {
  return {
    find: async (token: string) => {
      const item = items.get(token);
      return item === undefined || item.expiry <= Date.now() ? undefined : Buffer.from(item.data);
    },
    commit: async (token: string, content: unknown, expiry: Date) => {
      items.set(token, { data: Buffer.from(content as Buffer), expiry: expiry.getTime() });
    },
    delete: async (token: string) => {
      items.delete(token);
    },
    touch: async (token: string, _content: unknown, expiry: Date) => {
      const item = items.get(token);
      if (item === undefined) return false;
      item.expiry = expiry.getTime();
      return true;
    },
    touchTells: true,
    replace: async (token: string, previous: unknown, content: unknown, expiry: Date) => {
      const item = items.get(token);
      if (item === undefined || item.data.compare(previous as Buffer) !== 0) return false;
      items.set(token, { data: Buffer.from(content as Buffer), expiry: expiry.getTime() });
      return true;
    },
    all: async () => Array.from(items.values(), ({ data }) => Buffer.from(data)),
    listed: (all: unknown) => all as Buffer[],
  };
}

/** What those that stand on them can reach: the language, the drivers, the disk, without a store. */
export const limits: ContenderKind[] = [
  {
    ...bytes,
    name: "Map",
    durability: "memory",
    note: "a plain map behind async functions, copies in and out",
    open: async () => ({ ...onBytes, ...inMap(new Map()), close: async () => undefined }),
  },
  {
    ...bytes,
    name: "raw lmdb",
    durability: "flushed",
    package: "lmdb",
    note: "each write awaited until it is flushed; no expiry: a touch writes the session again",
    open: async ({ directory }) => {
      const { open: openDatabase } = await import("lmdb");
      const root = openDatabase({ path: join(directory, "raw.mdb"), noSubdir: true });
      const db = root.openDB<Buffer, string>("raw", { encoding: "binary" });
      return {
        ...onBytes,
        find: async (token) => db.getBinary(token),
        commit: async (token, content) => {
          void db.put(token, content as Buffer);
          await db.flushed;
        },
        delete: async (token) => {
          void db.remove(token);
          await db.flushed;
        },
        touch: async (token) => {
          const content = db.getBinary(token);
          if (content === undefined) return false;
          void db.put(token, Buffer.from(content));
          await db.flushed;
          return true;
        },
        touchTells: true,
        close: () => root.close(),
      };
    },
  },
  // What keeps sessions in memory and appends what changes cannot be faster: no checksums, no way back to the sessions.
  {
    ...bytes,
    name: "map + synced log",
    durability: "flushed",
    note: "a map, and one write + fdatasync for all changes that wait; nothing reads the log",
    isWriteOnly: true,
    open: async ({ directory }) => {
      const log = await open(join(directory, "log"), "a");
      const map = inMap(new Map());
      const append = groups<Uint8Array>(async (waiting) => {
        await log.write(Buffer.concat(waiting));
        await log.datasync();
      });
      const logged =
        <Args extends [string, ...unknown[]], Result>(change: (...args: Args) => Promise<Result>) =>
        async (...args: Args): Promise<Result> => {
          const result = await change(...args);
          await append(Buffer.concat([Buffer.from(args[0]), ...args.slice(1).filter(Buffer.isBuffer)]));
          return result;
        };
      return {
        ...onBytes,
        ...map,
        commit: logged(map.commit),
        delete: logged(map.delete),
        touch: logged(map.touch),
        replace: logged(map.replace),
        close: () => log.close(),
      };
    },
  },
  fileLimit("file, rename", "process", "a temporary file, renamed: no flush"),
  fileLimit("file, sync, rename", "flushed", "a temporary file, flushed, renamed, and its directory flushed"),
];

function fileLimit(name: string, durability: "process" | "flushed", note: string): ContenderKind {
  const isFlushed = durability === "flushed";
  return {
    ...bytes,
    name,
    durability,
    note,
    keepsFiles: true,
    open: async ({ directory }) => {
      const folder = isFlushed && process.platform !== "win32" ? await open(directory, "r") : undefined;
      let temporary = 0;
      // The directory is flushed once for all who wait.
      const flushFolder = groups<undefined>(async () => folder?.datasync());
      const settle = async () => {
        if (folder !== undefined) await flushFolder(undefined);
      };
      return {
        ...onBytes,
        find: async (token) => {
          try {
            return await readFile(join(directory, token));
          } catch (error) {
            if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
            throw error;
          }
        },
        commit: async (token, content) => {
          const path = join(directory, `${++temporary}.tmp`);
          const file = await open(path, "w", 0o600);
          try {
            await file.write(content as Buffer);
            if (isFlushed) await file.datasync();
          } finally {
            await file.close();
          }
          await rename(path, join(directory, token));
          await settle();
        },
        delete: async (token) => {
          await rm(join(directory, token), { force: true });
          await settle();
        },
        close: async () => folder?.close(),
      };
    },
  };
}
