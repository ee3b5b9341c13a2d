import { join } from "node:path";
import type { ContenderKind, Family } from "../../harness/contender.js";
import { onBytes } from "../bytes.js";
import { ourStore } from "../our-store.js";
import { betterSqlite3Peer, connectSqlite3 } from "../sqlite-peers.js";

export const rawLmdb: ContenderKind = {
  name: "raw lmdb",
  role: "limit",
  takes: "bytes",
  durability: "flushed",
  package: "lmdb",
  note: "each write awaited until it is flushed; no expiry",
  open: async ({ directory }) => {
    const { open } = await import("lmdb");
    const root = open({ path: join(directory, "raw.mdb"), noSubdir: true });
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
      close: () => root.close(),
    };
  },
};

export default {
  store: "boltstore",
  contenders: [
    ...ourStore({
      name: "boltstore",
      durability: "flushed",
      package: "@scs/boltstore",
      open: async ({ directory }, options) => {
        const { openBoltStore } = await import("@scs/boltstore");
        return openBoltStore(join(directory, "sessions.mdb"), options);
      },
    }),
    connectSqlite3,
    betterSqlite3Peer,
    rawLmdb,
  ],
} satisfies Family as Family;
