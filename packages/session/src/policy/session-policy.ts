import type { IdleTimeout } from "../idle-timeout.js";
import { limitsOf, type PolicyName, type TimeoutLimits } from "./presets.js";
import type { Lifetimes, SessionTimeouts } from "./timeouts.js";

/** Computes the timeouts of a session from its values. */
type TimeoutsOf = (values: object) => SessionTimeouts | undefined;

interface PolicyOptions {
  policy?: PolicyName | undefined;
  timeouts?: TimeoutsOf | undefined;
  /** Computes the idle timeout from the values, if the option is a function. */
  idleTimeoutOf?: IdleTimeout | undefined;
}

/** Maximum part of the idle timeout between two touches. */
const TOUCHES_PER_TIMEOUT = 10;

/** The timeouts of a manager's sessions: the same for all, or computed from a session's values. */
export class SessionPolicy {
  /** The timeouts of sessions without their own. */
  readonly base: Lifetimes;
  /** Whether all sessions have the same timeouts. */
  readonly isFixed: boolean;
  /** Whether records contain lifetimes, which the policy limits or which change with a session's values. */
  readonly hasLifetimes: boolean;
  readonly limits: TimeoutLimits;
  readonly #timeouts: TimeoutsOf | undefined;
  readonly #idleTimeoutOf: IdleTimeout | undefined;

  constructor(base: Lifetimes, { policy, timeouts, idleTimeoutOf }: PolicyOptions) {
    this.base = base;
    this.limits = limitsOf(policy);
    this.#timeouts = timeouts;
    this.#idleTimeoutOf = idleTimeoutOf;
    this.isFixed = timeouts === undefined && idleTimeoutOf === undefined;
    this.hasLifetimes = policy !== undefined || timeouts !== undefined;
  }

  /**
   * Computes the timeouts of a session that holds `values`; never longer than the policy allows.
   *
   * @throws RangeError if the app's function returns an invalid duration.
   */
  of(values: Record<string, unknown>): Lifetimes {
    if (this.isFixed) return this.base;
    const { base, limits } = this;
    const own = this.#timeouts?.(values) ?? {};
    const lifetimeMs = Math.min(checked("lifetimeMs", own.lifetimeMs) ?? base.lifetimeMs, limits.lifetimeMs);
    const idleMs = checked("idleTimeoutMs", own.idleTimeoutMs) ?? this.#idleTimeoutOf?.(() => values);
    const idleTimeoutMs = Math.min(idleMs ?? base.idleTimeoutMs, limits.idleTimeoutMs);
    const touchAfterMs = Math.min(base.touchAfterMs, idleTimeoutMs / TOUCHES_PER_TIMEOUT);
    return { lifetimeMs, idleTimeoutMs, touchAfterMs };
  }
}

function checked(name: keyof SessionTimeouts, ms: number | undefined): number | undefined {
  if (ms === undefined || (typeof ms === "number" && ms >= 1)) return ms;
  throw new RangeError(
    `timeouts must return ${name} as a number of milliseconds of at least 1, got ${String(ms)}`,
  );
}
