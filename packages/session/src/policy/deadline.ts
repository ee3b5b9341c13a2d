import type { LifetimeNote } from "../codecs/session-meta.js";
import type { StoredSession } from "../persistence/stored-session.js";
import type { TimeoutLimits } from "./presets.js";

/** Who has set a deadline that is not saved yet: the app, or a lifetime that begins anew at this time. */
export type Appointment = { by: "app" } | { by: "lifetime"; since: number };

/**
 * Computes the deadline of a session that is about to be saved. What the app has set stands, within the policy's limits.
 * Else the lifetime counts from its beginning, if it began anew or its length has changed; and if neither, the deadline
 * stays where it is.
 */
export function nextDeadline(
  stored: Pick<StoredSession, "deadline" | "meta"> | undefined,
  current: number,
  appointment: Appointment | undefined,
  lifetimeMs: number,
  limits: TimeoutLimits,
  now: number,
): { deadline: number; note: LifetimeNote } {
  const noted = stored?.meta.lifetime;
  const since = appointment?.by === "lifetime" ? appointment.since : (noted?.since ?? now);
  const note = { since, ms: lifetimeMs };
  const latest = since + limits.lifetimeMs;
  if (appointment?.by === "app") return { deadline: Math.min(current, latest), note };
  const isAnew = stored === undefined || appointment !== undefined;
  if (isAnew || (noted !== undefined && noted.ms !== lifetimeMs))
    return { deadline: since + lifetimeMs, note };
  // Of a session that was saved before there was a policy, nobody knows when it began.
  if (noted === undefined) return { deadline: Math.min(current, now + lifetimeMs), note };
  return { deadline: Math.min(current, latest), note };
}
