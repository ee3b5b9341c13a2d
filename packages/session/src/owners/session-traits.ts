import type { SessionMeta } from "../codecs/session-meta.js";

/** What lists tell of a session's security, beside its times. */
export interface SessionTraits {
  /** When the user authenticated last, as the app has said by `markAuthenticated`. */
  authenticatedAt: Date | undefined;
  /** The device that the session was last saved from, as `client` says. */
  device: string | undefined;
  /** The place that the session was last saved from, as `client` says. */
  location: string | undefined;
  /** Whether the session is bound to a device, so that its cookie alone leads nowhere. */
  isDeviceBound: boolean;
}

/** Reads the traits of a session from its notes. */
export function traitsOf({ authenticated, client, binding }: SessionMeta): SessionTraits {
  return {
    authenticatedAt: authenticated === undefined ? undefined : new Date(authenticated),
    device: client?.device,
    location: client?.location,
    isDeviceBound: binding?.key !== undefined,
  };
}
