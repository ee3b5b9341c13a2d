export type { IoredisClient, IoredisCluster } from "./drivers/ioredis.js";
export type { NodeRedisClient, NodeRedisCluster } from "./drivers/node-redis.js";
export type { RedisClient } from "./drivers/recognize.js";
export { RedisStore, type RedisStoreOptions } from "./redisstore.js";
