import type { AtomicStore, Store } from "@scs/core";
import type { SessionCodec } from "./codecs/codec.js";
import type { CookieOptions } from "./http/session-cookie.js";
import type { TokenTransport } from "./http/token-transport.js";

export interface SessionManagerOptions<T extends object = Record<string, unknown>, D = unknown> {
  store: Store;
  /** From a session's beginning to its end, however much it is used. At most 100 years. @default 24 hours */
  lifetimeMs?: number;
  /** From a session's last use to its end. @default off */
  idleTimeoutMs?: number;
  /**
   * A use is noted in the store when this much has passed since the last that was: the idle timeout may end
   * a session by so much early, and the store is spared a write per request. 0 notes each.
   *
   * @default a tenth of `idleTimeoutMs`, at most a minute
   */
  touchAfterMs?: number;
  cookie?: CookieOptions;
  /** Another way for tokens to come and go than the cookie, such as `headerTransport("x-session")`. */
  transport?: TokenTransport;
  /**
   * Whether `X-Forwarded-Proto` says if a request came by https, for `cookie.secure: "auto"`. Only behind a proxy
   * that sets it: anybody else can make it up. Express says so itself, by its own `trust proxy`. @default false
   */
  trustProxy?: boolean;
  /** Whether the store sees SHA-256 of each token alone, so that who reads it can take over no session. @default true */
  hashTokens?: boolean;
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
  /** How many sessions an owner may have: one more ends the eldest. Needs `owner`. @default any number */
  maxPerOwner?: number;
  /** Whether `current()` knows the session of the request. Costs each request some time. @default false */
  asyncContext?: boolean;
  /** @default devalueCodec */
  codec?: SessionCodec;
  /** The clock, in ms since the epoch, for tests. @default Date.now */
  now?: () => number;
  /** Is told each error that a response was replaced for by a 500, and damaged sessions. @default a process warning */
  onError?: (error: Error) => unknown;
}

const MAX_LIFETIME_MS = 100 * 365.25 * 86_400_000;
const NAMESPACE = /^[\w-]{0,64}$/;

export interface Lifetimes {
  lifetimeMs: number;
  /** Infinity for none. */
  idleTimeoutMs: number;
  touchAfterMs: number;
}

/** @throws TypeError or RangeError for an option that cannot work, with what to do instead. */
export function checkOptions<T extends object, D>(options: SessionManagerOptions<T, D>): void {
  const { store, owner, maxPerOwner, describe, namespace = "", maxBytes = 65_536 } = options;
  if (options.transport !== undefined && options.cookie !== undefined) {
    throw new TypeError("cookie and transport are two ways for the token to come and go: choose one");
  }
  if (typeof namespace !== "string" || !NAMESPACE.test(namespace)) {
    throw new TypeError("namespace must be of letters, digits, - and _, at most 64 of them");
  }
  if (owner === undefined && (maxPerOwner !== undefined || describe !== undefined)) {
    throw new TypeError(
      "maxPerOwner and describe need owner: say whose a session is, as in (data) => data.userId",
    );
  }
  if (owner !== undefined && typeof (store as Partial<AtomicStore>).replace !== "function") {
    throw new TypeError(
      "owner needs a store with replace(): without it, an owner's list would lose sessions",
    );
  }
  if (maxPerOwner !== undefined && !(Number.isInteger(maxPerOwner) && maxPerOwner > 0)) {
    throw new RangeError(`maxPerOwner must be a whole number from 1, got ${String(maxPerOwner)}`);
  }
  if (!(Number.isInteger(maxBytes) && maxBytes > 0)) {
    throw new RangeError(`maxBytes must be a whole number from 1, got ${String(maxBytes)}`);
  }
  for (const [name, callback] of Object.entries({
    owner,
    describe,
    now: options.now,
    onError: options.onError,
  })) {
    if (callback !== undefined && typeof callback !== "function") {
      throw new TypeError(`${name} must be a function, got ${typeof callback}`);
    }
  }
}

/** @throws TypeError or RangeError for lifetimes that cannot work. */
export function checkedLifetimes({
  lifetimeMs = 86_400_000,
  idleTimeoutMs,
  touchAfterMs,
}: Partial<Lifetimes>): Lifetimes {
  checkMs("lifetimeMs", lifetimeMs, 1);
  if (idleTimeoutMs === undefined) {
    if (touchAfterMs !== undefined)
      throw new TypeError("touchAfterMs needs idleTimeoutMs: set both, or neither");
    return { lifetimeMs, idleTimeoutMs: Number.POSITIVE_INFINITY, touchAfterMs: 0 };
  }
  checkMs("idleTimeoutMs", idleTimeoutMs, 1);
  checkMs("touchAfterMs", touchAfterMs ?? 0, 0);
  if (touchAfterMs !== undefined && touchAfterMs >= idleTimeoutMs) {
    throw new RangeError(
      `touchAfterMs must be less than idleTimeoutMs, ${idleTimeoutMs}, got ${touchAfterMs}`,
    );
  }
  return { lifetimeMs, idleTimeoutMs, touchAfterMs: touchAfterMs ?? Math.min(idleTimeoutMs / 10, 60_000) };
}

function checkMs(name: string, ms: number, min: number): void {
  if (typeof ms !== "number" || !(ms >= min && ms <= MAX_LIFETIME_MS)) {
    throw new RangeError(
      `${name} must be a number of milliseconds from ${min} to ${MAX_LIFETIME_MS}, got ${String(ms)}`,
    );
  }
}
