import type { BindingNote } from "../codecs/session-meta.js";
import type { Renewal } from "../persistence/secrets.js";
import type { StoredSession } from "../persistence/stored-session.js";

/**
 * - `none`: not bound and not requested, because the browser cannot bind sessions or has not got the request yet.
 * - `asked`: the browser was asked to bind the session, and has not done so.
 * - `bound`: bound to the device, and the request comes from it.
 * - `unproven`: the request came with the token of a bound session, but not from its device. It gets a new, empty
 *   session; the cookie may be stolen.
 */
export type DeviceBinding = "none" | "asked" | "bound" | "unproven";

/**
 * Why a request did not get the session of its token: the bound cookie is `missing`, or `stale`, for example replaced by
 * a refresh, or the session was bound `just now`, so that the browser cannot have the cookie yet.
 */
export type Doubt = "missing" | "stale" | "just now";

/** The binding of a session, as one request sees it. */
export interface BoundState {
  doubt?: Doubt;
  /** Creates the binding that the browser is asked to complete; `undefined` for a session without an owner. */
  ask?: (owner: string | undefined, now: number) => BindingNote | undefined;
}

/** The parts of a session's state that a binding depends on. */
interface Bindable {
  stored: StoredSession | undefined;
  renewal: Renewal | undefined;
  bound: BoundState | undefined;
}

/** Maximum time that the browser may take to bind the session, in ms. */
export const REGISTRATION_MS = 600_000;

/**
 * Returns the binding to store with the next save. Asks the browser to bind an unbound session whenever its client gets
 * a token, and to bind a session anew when another user takes it over.
 */
export function nextBinding(
  { stored, renewal, bound }: Bindable,
  owner: string | undefined,
  now: number,
): BindingNote | undefined {
  const noted = stored?.meta.binding;
  const isTokenGiven = stored === undefined || renewal !== undefined;
  const isOthers = stored !== undefined && stored.owner !== owner && owner !== undefined;
  if (isTokenGiven && (noted?.key === undefined || isOthers)) {
    const asked = bound?.ask?.(owner, now);
    if (asked !== undefined) return asked;
  }
  const isLate = noted !== undefined && noted.key === undefined && now - noted.at >= REGISTRATION_MS;
  return isLate ? undefined : noted;
}

/** Returns the state of the binding, as far as the request knows. */
export function bindingOf({ stored, bound }: Omit<Bindable, "renewal">): DeviceBinding {
  if (stored === undefined) return bound?.doubt === undefined ? "none" : "unproven";
  const { binding } = stored.meta;
  if (binding === undefined) return "none";
  return binding.key === undefined ? "asked" : "bound";
}
