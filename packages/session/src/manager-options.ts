import type { Store } from "@scs/core";
import type { SessionCodec } from "./codecs/codec.js";
import type { DeviceBoundOptions } from "./device-bound/device-bound-options.js";
import type { ClientDescription, ClientRequest } from "./http/http-request.js";
import type { CookieOptions } from "./http/session-cookie.js";
import type { TokenTransport } from "./http/token-transport.js";
import type { PolicyName } from "./policy/presets.js";
import type { SessionTimeouts } from "./policy/timeouts.js";

/** Options of a session manager. */
export interface SessionManagerOptions<T extends object = Record<string, unknown>, D = unknown> {
  store: Store;
  /** Absolute lifetime of a session in ms, from its beginning. At most 100 years. @default 24 hours */
  lifetimeMs?: number;
  /** Lifetime since the last use in ms, or a function that returns it by the session's values. @default off */
  idleTimeoutMs?: number | ((data: Readonly<Partial<T>>) => number);
  /**
   * Minimum time in ms between two extensions of an idle timeout. Spares the store a write per request; a session may end
   * that much early. 0 extends at each request.
   *
   * @default a tenth of `idleTimeoutMs`, at most a minute
   */
  touchAfterMs?: number;
  /**
   * Timeouts of NIST SP 800-63B-4 by assurance level: `"aal1"` 30 days; `"aal2"` 24 hours, 1 hour idle; `"aal3"` 12
   * hours, 15 minutes idle. `lifetimeMs`, `idleTimeoutMs`, `timeouts` and `setDeadline` can only shorten them.
   */
  policy?: PolicyName;
  /**
   * Returns the timeouts of one session by its values: shorter for an administrator, longer for "remember me". A missing
   * timeout defaults to the manager's option. Called at each save. The lifetime begins with the session or the last
   * authentication.
   */
  timeouts?: (data: Readonly<Partial<T>>) => SessionTimeouts | undefined;
  cookie?: CookieOptions;
  /** Transport of tokens instead of the cookie, such as `headerTransport("x-session")`. */
  transport?: TokenTransport;
  /**
   * Whether `X-Forwarded-Proto` tells if a request came over https, for `cookie.secure: "auto"`. Use it only behind a
   * proxy that sets the header, because clients can forge it. Express uses its own `trust proxy`. @default false
   */
  trustProxy?: boolean;
  /**
   * Time limit of a store call in ms. A later answer is an error and a 500. @default 10,000
   */
  storeTimeoutMs?: number;
  /**
   * Separates managers that share a store: none sees the tokens and owners of another. At most 64 letters, digits, `-`
   * and `_`. @default none
   */
  namespace?: string;
  /** Maximum size of an encoded session in bytes. A larger one fails the save with `TOO_LARGE`. @default 65,536 */
  maxBytes?: number;
  /**
   * Returns the user of a session, such as `(data) => data.userId`, for `list`, `revokeAll` and `maxPerOwner`. Needs
   * a store with `replace`. @default none
   */
  owner?: (data: Readonly<Partial<T>>) => string | undefined;
  /** Returns the description of a session in `list`, such as `(data) => data.device`. */
  describe?: (data: Readonly<Partial<T>>) => D;
  /**
   * Returns device and location of a request, for the user's list: `list` returns those of the last save. At most 128
   * characters each are kept.
   */
  client?: (request: ClientRequest) => ClientDescription | undefined;
  /**
   * Whether to ask browsers to bind sessions to their device (Device Bound Session Credentials), which makes a stolen
   * cookie worthless. Needs the default cookie over https, and a store with `replace`. @default false
   */
  deviceBound?: boolean | DeviceBoundOptions;
  /**
   * Maximum number of sessions per owner, up to 10,000. A further one ends the oldest. Needs `owner`.
   *
   * @default 100
   */
  maxPerOwner?: number;
  /** Whether `current()` works. Costs each request some time. @default false */
  asyncContext?: boolean;
  /** @default devalueCodec */
  codec?: SessionCodec;
  /** The clock, in ms since the epoch, for tests. @default Date.now */
  now?: () => number;
  /** Called with the error behind each 500, and with each damaged session. @default a process warning */
  onError?: (error: Error) => unknown;
}
