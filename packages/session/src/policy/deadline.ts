import type { LifetimeNote } from "../codecs/session-meta.js";
import type { StoredSession } from "../persistence/stored-session.js";
import type { TimeoutLimits } from "./presets.js";

/** The origin of an unsaved deadline: the app, or a lifetime that begins anew at this time. */
export type Appointment = { by: "app" } | { by: "lifetime"; since: number };

/**
 * Computes the deadline of a session for the next save. Keeps a deadline set by the app, within the policy's limits.
 * Otherwise counts the lifetime from its beginning if it began anew or its length changed, and else keeps the deadline.
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
  // The beginning is unknown for a session that was saved before there was a policy.
  if (noted === undefined) return { deadline: Math.min(current, now + lifetimeMs), note };
  return { deadline: Math.min(current, latest), note };
}
