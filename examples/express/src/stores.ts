import type { FullStore } from "@scs/core";
import { MemStore } from "@scs/memstore";

/** The stores that `--store` knows, by name: each opens one that is ready to use. */
export const stores: Record<string, () => Promise<FullStore>> = {
  memory: async () => new MemStore({ maxSessions: 100_000 }),
};
