import type { Family } from "../../harness/contender.js";
import { connectRedis } from "../connect-redis.js";
import { ourStore } from "../our-store.js";

export default {
  store: "redisstore",
  contenders: [
    ...ourStore({
      name: "redisstore",
      durability: "memory",
      package: "@scs/redisstore",
      server: "redis",
      note: "on node-redis, as connect-redis; Redis as it is by default",
      open: async ({ url = "" }, { cleanupIntervalMs = 0, now }) => {
        const { RedisStore } = await import("@scs/redisstore");
        const { createClient } = await import("redis");
        const client = createClient({ url });
        await client.connect();
        const store = new RedisStore(client, { cleanupIntervalMs, ...(now !== undefined && { now }) });
        return Object.assign(store, {
          [Symbol.asyncDispose]: async () => {
            await RedisStore.prototype[Symbol.asyncDispose].call(store);
            client.destroy();
          },
        });
      },
    }),
    connectRedis,
  ],
} satisfies Family as Family;
