export { callGuarded } from "../guarded.js";
export type { Awaitable, Backend, Removal, Steps } from "./backend.js";
export type { Batch, Execute } from "./batch.js";
export { BatchQueue, type BatchQueueOptions } from "./batch-queue.js";
export {
  AGAIN,
  type Answer,
  type Call,
  type CallKind,
  type CommitCall,
  type DeleteCall,
  type FindCall,
  type ReplaceCall,
  type TouchCall,
} from "./call.js";
export { type CleanupBatchOptions, removeInBatches } from "./cleanup-batches.js";
export { Fifo } from "./fifo.js";
export { decideBatch } from "./group-commit.js";
export type { LaneOptions } from "./lane-options.js";
export { OpenFiles } from "./open-files.js";
export { assertFunction, assertKnownOptions, assertOneOf, assertWholeNumber } from "./options.js";
export { type PackedBytes, pack, unpack } from "./packed-bytes.js";
export { identifyProcess, judgeProcess, type ProcessIdentity, type Verdict } from "./process-identity.js";
export { type SessionItem, SessionMap } from "./session-map.js";
export { StoreBase, type StoreBaseOptions } from "./store-base.js";
export { TimeSlice } from "./time-slice.js";
export { clearTimer, microtasksDone, pause, setTimer, type Timer, withTimeout } from "./timers.js";
export { toStoreError } from "./to-store-error.js";
