import { join } from "node:path";
import type { Contender } from "./contender.js";
import { makeDirectory, remove } from "./directory.js";

const decoder = new TextDecoder();

/** Drivers as they are, without a store: what those that stand on them can reach. */
export const drivers: Record<string, () => Promise<Contender>> = {
  "raw lmdb": async () => {
    const { open } = await import("lmdb");
    const directory = await makeDirectory();
    const root = open({ path: join(directory, "raw.mdb"), noSubdir: true });
    const db = root.openDB<Buffer, string>("raw", { encoding: "binary" });
    return {
      style: "promise",
      prepare: (session) => Buffer.from(JSON.stringify(session)),
      parse: (found) => JSON.parse(decoder.decode(found as Uint8Array)),
      find: async (token) => db.getBinary(token),
      commit: async (token, content) => {
        void db.put(token, content as Buffer);
        await db.flushed;
      },
      delete: async (token) => {
        void db.remove(token);
        await db.flushed;
      },
      close: async () => {
        await root.close();
        await remove(directory);
      },
    };
  },
};
