import type { Store, StoreError } from "@scs/core";
import { assertFunction, assertKnownOptions, assertWholeNumber } from "@scs/core/kit";

/** Options that every bridge takes. */
export interface BridgeOptions {
  /**
   * Prefix of every record's name, so that several applications can share a store. Up to 64 letters, digits, `-` and
   * `_`.
   *
   * @default the name of the host, such as "koa-session"
   */
  namespace?: string;
  /** Lifetime in ms of a session whose host sets no expiry. At least 1,000. @default 86_400_000, one day */
  lifetimeMs?: number;
  /**
   * Called with a damaged record, which counts as absent, and with errors of calls without a callback.
   *
   * @default a process warning, once per distinct code
   */
  onError?: (error: StoreError) => void;
  /** The clock, in ms since the epoch, for tests. @default Date.now */
  now?: () => number;
}

/** One day, the default of express-session's stores. */
export const DAY_MS = 86_400_000;
/** A hundred years: the lifetime of values that a host keeps without limit. Every store can represent the expiry. */
export const CENTURY_MS: number = 36_525 * DAY_MS;

const OPTIONS = ["namespace", "lifetimeMs", "onError", "now"];
const NAMESPACE = /^[\w-]{1,64}$/;

/**
 * Checks the arguments of a bridge.
 *
 * @throws TypeError or RangeError for a store without the three methods of `Store`, an unknown option or a wrong value.
 */
export function assertBridge(
  bridge: string,
  store: Store,
  options: BridgeOptions,
  ...more: string[]
): asserts store is Store {
  for (const method of ["find", "commit", "delete"] as const) {
    if (typeof store?.[method] !== "function")
      throw new TypeError(`${bridge}: the store has no ${method}(); pass a store of @scs`);
  }
  assertKnownOptions(bridge, options, [...OPTIONS, ...more]);
  const { namespace, lifetimeMs, onError, now } = options;
  if (namespace !== undefined && !(typeof namespace === "string" && NAMESPACE.test(namespace)))
    throw new TypeError(`${bridge}: namespace must be 1 to 64 letters, digits, "-" and "_"`);
  if (lifetimeMs !== undefined) assertWholeNumber("lifetimeMs", lifetimeMs, { min: 1000, max: CENTURY_MS });
  if (onError !== undefined) assertFunction("onError", onError);
  if (now !== undefined) assertFunction("now", now);
}
