import type { SessionTraits } from "./session-traits.js";

/** A session as its owner may see it. */
export interface OwnedSession<D = unknown> extends SessionTraits {
  /** Stands for the session in `revoke`. No token: it may be shown to its owner. */
  handle: string;
  /** When the session became this owner's, as a rule at log-in. */
  created: Date;
  /** When it was used last: to `touchAfterMs` with an idle timeout; without one, when it was last saved. */
  lastSeen: Date;
  /** When it ends, if it is not used any more. */
  expiry: Date;
  /** What `describe` makes of it, such as device and address; `undefined` if `describe` threw. */
  description: D;
}
