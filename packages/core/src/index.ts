export { type CleanupMessage, cleanUp } from "./cleanup-channel.js";
export { CleanupScheduler, MAX_DELAY_MS } from "./cleanup-scheduler.js";
export { assertData, assertExpiry, assertToken, isToken, MAX_TOKEN_BYTES } from "./record-rules.js";
export type {
  AtomicStore,
  ExpiringStore,
  FullStore,
  IterableStore,
  SessionEntry,
  SessionRecord,
  Store,
  StoreOptions,
  TouchableStore,
} from "./store.js";
export { report, StoreError, type StoreErrorCode, warnOncePerCode } from "./store-error.js";
