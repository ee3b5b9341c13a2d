export { CleanupScheduler, MAX_DELAY_MS } from "./cleanup-scheduler.js";
export { type PackedBytes, pack, unpack } from "./packed-bytes.js";
export { assertData, assertExpiry, assertToken, isToken, MAX_TOKEN_BYTES } from "./record-rules.js";
export { type SessionItem, SessionMap } from "./session-map.js";
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
export { TimeSlice } from "./time-slice.js";
