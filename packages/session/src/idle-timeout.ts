import type { PolicyName } from "./policy/presets.js";

/**
 * Options for the timeouts of all sessions.
 *
 * @internal
 */
export interface LifetimeOptions {
  policy?: PolicyName | undefined;
  lifetimeMs?: number | undefined;
  idleTimeoutMs?: number | ((data: never) => number) | undefined;
  touchAfterMs?: number | undefined;
}

/**
 * Returns the idle timeout of a session with these values, in ms; Infinity for none.
 *
 * @internal
 */
export type IdleTimeout = (values: () => Record<string, unknown>) => number;

/**
 * Returns the default of `touchAfterMs`: a tenth of the idle timeout, at most a minute.
 *
 * @internal
 */
export function defaultTouchAfterMs(idleTimeoutMs: number): number {
  return Math.min(idleTimeoutMs / 10, 60_000);
}

/**
 * Makes a function of the `idleTimeoutMs` option, which is a number or a function of the values.
 *
 * @internal
 */
export function idleTimeoutOf<T extends object>(
  option: number | ((data: Readonly<Partial<T>>) => number) | undefined,
): IdleTimeout {
  if (typeof option !== "function") return () => option ?? Number.POSITIVE_INFINITY;
  return (values) => {
    const ms: unknown = option(values() as Readonly<Partial<T>>);
    if (typeof ms === "number" && ms >= 0) return ms;
    throw new RangeError(`idleTimeoutMs must return a number of milliseconds from 0, got ${String(ms)}`);
  };
}
