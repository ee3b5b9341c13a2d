const [MINUTE_MS, HOUR_MS, DAY_MS] = [60_000, 3_600_000, 86_400_000];

/** The authentication assurance levels of NIST SP 800-63B-4. */
export type PolicyName = "aal1" | "aal2" | "aal3";

/** Maximum lifetime and idle timeout of a session, in ms. */
export interface TimeoutLimits {
  lifetimeMs: number;
  /** Infinity for no limit. */
  idleTimeoutMs: number;
}

/**
 * Reauthentication limits of NIST SP 800-63B-4, sections 2.1.3, 2.2.3 and 2.3.3.
 *
 * @internal
 */
export const PRESETS: Readonly<Record<PolicyName, TimeoutLimits>> = {
  aal1: { lifetimeMs: 30 * DAY_MS, idleTimeoutMs: Number.POSITIVE_INFINITY },
  aal2: { lifetimeMs: DAY_MS, idleTimeoutMs: HOUR_MS },
  aal3: { lifetimeMs: 12 * HOUR_MS, idleTimeoutMs: 15 * MINUTE_MS },
};

const NO_LIMITS: TimeoutLimits = {
  lifetimeMs: Number.POSITIVE_INFINITY,
  idleTimeoutMs: Number.POSITIVE_INFINITY,
};

/**
 * Returns the limits of a preset; without one, no limits.
 *
 * @throws TypeError for an unknown name.
 *
 * @internal
 */
export function limitsOf(policy: PolicyName | undefined): TimeoutLimits {
  if (policy === undefined) return NO_LIMITS;
  if (typeof policy === "string" && Object.hasOwn(PRESETS, policy)) return PRESETS[policy];
  throw new TypeError(
    `policy must be "aal1", "aal2" or "aal3", got ${JSON.stringify(policy) ?? typeof policy}`,
  );
}
