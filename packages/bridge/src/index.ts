export {
  type BetterAuthOptions,
  type BetterAuthStorage,
  betterAuthStorage,
} from "./better-auth.js";
export type { BridgeOptions } from "./bridge-options.js";
export { type Callback, type ExpressSessionStore, expressSessionStore } from "./express-session.js";
export { type FastifySessionStore, fastifySessionStore } from "./fastify-session.js";
export { type HonoSessionData, type HonoSessionStore, honoSessionStore } from "./hono-sessions.js";
export { type KeyValueOptions, KeyvAdapter, type KeyvEntry } from "./keyv.js";
export { type KoaSessionStore, koaSessionStore } from "./koa-session.js";
export {
  type CookieLifetime,
  type ReactRouterCookie,
  type ReactRouterParts,
  type ReactRouterSession,
  type ReactRouterSessionStorage,
  reactRouterSessionStorage,
} from "./react-router.js";
export { type UnstorageCallOptions, type UnstorageDriver, unstorageDriver } from "./unstorage.js";
