import type { ContenderKind } from "../harness/contender.js";
import { expressPeer } from "./express-peer.js";

export const connectRedis: ContenderKind = expressPeer({
  name: "connect-redis",
  durability: "memory",
  package: "connect-redis",
  server: "redis",
  note: "Redis as it is by default: a snapshot now and then, no log",
  open: async ({ url = "" }) => {
    const { RedisStore } = await import("connect-redis");
    const { createClient } = await import("redis");
    const client = createClient({ url });
    await client.connect();
    return { store: new RedisStore({ client }), close: async () => client.destroy() };
  },
});
