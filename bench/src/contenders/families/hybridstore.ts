import { join } from "node:path";
import type { Family } from "../../harness/contender.js";
import { connectRedis } from "../connect-redis.js";
import { ourStore } from "../our-store.js";
import { sessionFileStore } from "../session-file-store.js";
import { connectSqlite3 } from "../sqlite-peers.js";
import { rawLmdb } from "./boltstore.js";

export default {
  store: "hybridstore",
  contenders: [
    ...ourStore({
      name: "hybridstore",
      durability: "flushed",
      package: "@scs/hybridstore",
      open: async ({ directory }, options) => {
        const { openHybridStore } = await import("@scs/hybridstore");
        return openHybridStore(join(directory, "hybrid"), options);
      },
    }),
    connectSqlite3,
    sessionFileStore,
    connectRedis,
    rawLmdb,
  ],
} satisfies Family as Family;
