import type { SessionMeta } from "../codecs/session-meta.js";

/** Traits of a session that lists show, beside its times. */
export interface SessionTraits {
  /** Time of the last `markAuthenticated`. */
  authenticatedAt: Date | undefined;
  /** The device at the last save, according to `client`. */
  device: string | undefined;
  /** The location at the last save, according to `client`. */
  location: string | undefined;
  /** Whether the session is bound to a device, so that its cookie alone is worthless. */
  isDeviceBound: boolean;
}

/** Reads the traits of a session from its meta data. */
export function traitsOf({ authenticated, client, binding }: SessionMeta): SessionTraits {
  return {
    authenticatedAt: authenticated === undefined ? undefined : new Date(authenticated),
    device: client?.device,
    location: client?.location,
    isDeviceBound: binding?.key !== undefined,
  };
}
