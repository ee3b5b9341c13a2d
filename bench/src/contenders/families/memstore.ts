import type { Family } from "../../harness/contender.js";
import { type Done, expressPeer } from "../express-peer.js";
import { ourStore } from "../our-store.js";

export default {
  store: "memstore",
  contenders: [
    ...ourStore({
      name: "memstore",
      durability: "memory",
      package: "@scs/memstore",
      open: async (_environment, options) => {
        const { MemStore } = await import("@scs/memstore");
        return new MemStore(options);
      },
    }),
    expressPeer({
      name: "MemoryStore",
      durability: "memory",
      package: "express-session",
      open: async () => {
        const { default: session } = await import("express-session");
        return { store: new session.MemoryStore() };
      },
    }),
    expressPeer({
      name: "memorystore",
      durability: "memory",
      package: "memorystore",
      open: async () => {
        const { default: session } = await import("express-session");
        const { default: createMemoryStore } = await import("memorystore");
        const store = new (createMemoryStore(session))({});
        const deleteExpired = (done: Done) => {
          store.prune();
          done();
        };
        return { store, deleteExpired };
      },
    }),
  ],
} satisfies Family as Family;
