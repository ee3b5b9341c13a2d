import type { FullStore } from "@scs/core";

/**
 * The stores that `--store` knows, by name. Each opens one that is ready to use, in the file at `path` if it keeps one.
 * A package is loaded only if it is wanted: an app needs but the one that it uses.
 */
export const stores: Record<string, (path: string) => Promise<FullStore>> = {
  memory: async () => {
    const { MemStore } = await import("@scs/memstore");
    return new MemStore({ maxSessions: 100_000 });
  },
  boltstore: async (path) => {
    const { openBoltStore } = await import("@scs/boltstore");
    return openBoltStore(path);
  },
  sqlstore: async (path) => {
    const { openSqlStore } = await import("@scs/sqlstore");
    return openSqlStore(path);
  },
};
