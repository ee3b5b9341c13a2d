import type { BindingNote } from "../codecs/session-meta.js";
import type { Renewal } from "../persistence/secrets.js";
import type { StoredSession } from "../persistence/stored-session.js";

/**
 * - `none`: not bound, and nobody was asked to: the browser cannot, or has not been told yet.
 * - `asked`: the browser was asked to bind the session, and has not.
 * - `bound`: bound to the device, and the request comes from it.
 * - `unproven`: the request came with the token of a bound session, and not from its device. It has been given a new,
 *   empty session; the cookie may be stolen.
 */
export type DeviceBinding = "none" | "asked" | "bound" | "unproven";

/**
 * Why a request was not given the session of its token: the bound cookie is `missing`, or is `stale`, such as one that a
 * refresh has replaced meanwhile, or the browser cannot have got it yet, since the session is bound `just now`.
 */
export type Doubt = "missing" | "stale" | "just now";

/** What a request has to do with the binding of its session. */
export interface BoundState {
  doubt?: Doubt;
  /** Makes the note of a session that the browser is asked to bind; `undefined` for one that is nobody's. */
  ask?: (owner: string | undefined, now: number) => BindingNote | undefined;
}

/** What is read of a session's state. */
interface Bindable {
  stored: StoredSession | undefined;
  renewal: Renewal | undefined;
  bound: BoundState | undefined;
}

/** How long the browser may take to bind the session, in ms. */
export const REGISTRATION_MS = 600_000;

/**
 * Returns what is to be noted of the binding with the next save. A session that is not bound is asked to be whenever its
 * client gets a token; one that another user takes over is to be bound anew.
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

/** Tells what there is of a binding, as far as the request knows. */
export function bindingOf({ stored, bound }: Omit<Bindable, "renewal">): DeviceBinding {
  if (stored === undefined) return bound?.doubt === undefined ? "none" : "unproven";
  const { binding } = stored.meta;
  if (binding === undefined) return "none";
  return binding.key === undefined ? "asked" : "bound";
}
