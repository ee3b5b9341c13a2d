import type { Call, CallKind } from "./call.js";

/** Options of one lane of a queue. Calls in different lanes do not wait for each other, unless they have the same token. */
export interface LaneOptions {
  /** Kinds of calls in this lane. @default every kind that no other lane names */
  kinds?: readonly CallKind[];
  /** Maximum number of batches in flight. @default 1 */
  workers?: number;
  /**
   * Minimum number of calls per batch before a second worker starts: few calls are not worth two statements.
   *
   * @default 1
   */
  minShare?: number;
  /**
   * Returns the group of a call. Calls of different groups never share a batch. If it throws, the call fails.
   *
   * @default one group
   */
  groupOf?: (call: Call) => string;
  /**
   * Returns bytes to add to the size of a call, such as the expected size of what a find returns. If it throws, the call
   * fails.
   *
   * @default 0
   */
  extraBytes?: (call: Call) => number;
  /** Maximum number of calls in a batch. @default 128 */
  maxCalls?: number;
  /** Maximum size of a batch, in bytes. A larger call goes alone. @default 1 MiB */
  maxBytes?: number;
}
