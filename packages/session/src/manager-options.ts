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
  /** From a session's beginning to its end, however much it is used. At most 100 years. @default 24 hours */
  lifetimeMs?: number;
  /** From a session's last use to its end; a function says so for each session, by its values. @default off */
  idleTimeoutMs?: number | ((data: Readonly<Partial<T>>) => number);
  /**
   * A use is noted in the store when this much has passed since the last that was: the idle timeout may end
   * a session by so much early, and the store is spared a write per request. 0 notes each.
   *
   * @default a tenth of `idleTimeoutMs`, at most a minute
   */
  touchAfterMs?: number;
  /**
   * Timeouts of NIST SP 800-63B-4 by assurance level: `"aal1"` 30 days; `"aal2"` 24 hours, 1 hour idle; `"aal3"` 12
   * hours, 15 minutes idle. `lifetimeMs`, `idleTimeoutMs`, `timeouts` and `setDeadline` can shorten them, not
   * lengthen.
   */
  policy?: PolicyName;
  /**
   * Timeouts of one session, by its values: shorter for an administrator, longer for "remember me". What it leaves out
   * is as for all. Asked with each save; the lifetime counts from the session's beginning or last authentication.
   */
  timeouts?: (data: Readonly<Partial<T>>) => SessionTimeouts | undefined;
  cookie?: CookieOptions;
  /** Another way for tokens to come and go than the cookie, such as `headerTransport("x-session")`. */
  transport?: TokenTransport;
  /**
   * Whether `X-Forwarded-Proto` says if a request came by https, for `cookie.secure: "auto"`. Only behind a proxy
   * that sets it: anybody else can make it up. Express says so itself, by its own `trust proxy`. @default false
   */
  trustProxy?: boolean;
  /**
   * How long a call of the store may take. A store that has not answered by then is an error and a 500, so that it
   * holds no request for ever. In ms. @default 10,000
   */
  storeTimeoutMs?: number;
  /**
   * Tells managers apart that share a store: to each, tokens and owners of the others are nothing. Letters, digits,
   * `-` and `_`, at most 64. @default none
   */
  namespace?: string;
  /** How large a session may be, encoded. A larger one fails the save with `TOO_LARGE`. @default 65,536 */
  maxBytes?: number;
  /**
   * Whose session it is, by its values, such as `(data) => data.userId`: for `list`, `revoke`, `revokeAll`
   * and `maxPerOwner`. Needs a store with `replace`. @default nobody's
   */
  owner?: (data: Readonly<Partial<T>>) => string | undefined;
  /** What `list` says of a session beside its times, such as `(data) => data.device`. */
  describe?: (data: Readonly<Partial<T>>) => D;
  /**
   * Device and location of a request, as a user should see them: `list` shows those of the session's last save. Each is
   * kept up to 128 characters.
   */
  client?: (request: ClientRequest) => ClientDescription | undefined;
  /**
   * Whether browsers that can bind a session to their device are asked to (Device Bound Session Credentials): a cookie
   * that is stolen from a bound session leads nowhere. Needs the default cookie transport over https, and a store with
   * `replace`. @default false
   */
  deviceBound?: boolean | DeviceBoundOptions;
  /**
   * How many sessions an owner may have, at most 10,000: one more ends the eldest. Needs `owner`.
   *
   * @default 100
   */
  maxPerOwner?: number;
  /** Whether `current()` knows the session of the request. Costs each request some time. @default false */
  asyncContext?: boolean;
  /** @default devalueCodec */
  codec?: SessionCodec;
  /** The clock, in ms since the epoch, for tests. @default Date.now */
  now?: () => number;
  /** Called with the error behind each 500, and with each damaged session. @default a process warning */
  onError?: (error: Error) => unknown;
}
