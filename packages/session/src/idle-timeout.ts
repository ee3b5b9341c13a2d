import type { PolicyName } from "./policy/presets.js";

/**
 * What the app says of the timeouts of all sessions.
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
 * Returns the idle timeout of a session, by its values, in ms; Infinity for none.
 *
 * @internal
 */
export type IdleTimeout = (values: () => Record<string, unknown>) => number;

/**
 * How much of an idle timeout passes before a use is noted, if the app does not say: a tenth, at most a minute.
 *
 * @internal
 */
export function defaultTouchAfterMs(idleTimeoutMs: number): number {
  return Math.min(idleTimeoutMs / 10, 60_000);
}

/**
 * Makes an idle timeout of the option, be it a number or a function of the values.
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
