import type { CookieOptions } from "../http/session-cookie.js";

/** Options of device-bound sessions. */
export interface DeviceBoundOptions {
  /**
   * Path of the endpoints `bind` and `refresh`, to which the browser POSTs. The manager's middleware must see requests
   * below this path of the origin. @default "/.session"
   */
  path?: string;
  /**
   * Lifetime of the browser's proof in ms, which is also how long copies of both cookies are usable. From 10 seconds to an
   * hour. Below two minutes, Chromium's limit of signatures per site may leave a user without proof. @default 300,000
   */
  refreshAfterMs?: number;
}

/**
 * Options of a manager that decide whether its sessions can be bound.
 *
 * @internal
 */
export interface DeviceBoundParts {
  store: object;
  deviceBound?: boolean | DeviceBoundOptions;
  cookie?: CookieOptions;
  transport?: object;
}

const MIN_REFRESH_MS = 10_000;
const MAX_REFRESH_MS = 3_600_000;

/**
 * Completes the options. Returns `undefined` if sessions are not bound.
 *
 * @throws TypeError or RangeError for options that cannot work. The message says what to write instead.
 *
 * @internal
 */
export function checkedDeviceBound(options: DeviceBoundParts): Required<DeviceBoundOptions> | undefined {
  const { deviceBound = false, cookie = {}, transport, store } = options;
  if (deviceBound === false) return undefined;
  if (deviceBound !== true && (typeof deviceBound !== "object" || deviceBound === null)) {
    throw new TypeError("deviceBound must be true, false, or an object with path and refreshAfterMs");
  }
  const { path = "/.session", refreshAfterMs = 300_000, ...others } = deviceBound === true ? {} : deviceBound;
  const [unknown] = Object.keys(others);
  if (unknown !== undefined) {
    throw new TypeError(`there is no option deviceBound.${unknown}: the options are path, refreshAfterMs`);
  }
  if (transport !== undefined) {
    throw new TypeError(
      "deviceBound needs the session's cookie, because browsers bind only cookies; leave transport out",
    );
  }
  if (typeof (store as { replace?: unknown }).replace !== "function") {
    throw new TypeError(
      "deviceBound needs a store with replace(): without it, parallel saves would lose bindings",
    );
  }
  if (cookie.secure === false) {
    throw new TypeError(
      'deviceBound needs https: leave cookie.secure out, or use "auto" to bind where there is https',
    );
  }
  if (cookie.partitioned === true) {
    throw new TypeError(
      "deviceBound does not work with cookie.partitioned: browsers cannot bind partitioned cookies",
    );
  }
  if (cookie.domain !== undefined || (cookie.path ?? "/") !== "/") {
    throw new TypeError(
      'deviceBound needs a cookie of one host and of path "/": leave cookie.domain and cookie.path out',
    );
  }
  if (typeof path !== "string" || !/^(\/[\w.~-]+)+$/.test(path)) {
    throw new TypeError(
      `deviceBound.path must be a path such as "/.session", got ${JSON.stringify(path) ?? typeof path}`,
    );
  }
  if (
    !(
      typeof refreshAfterMs === "number" &&
      refreshAfterMs >= MIN_REFRESH_MS &&
      refreshAfterMs <= MAX_REFRESH_MS
    )
  ) {
    throw new RangeError(
      `deviceBound.refreshAfterMs must be a number of milliseconds from ${MIN_REFRESH_MS} to ${MAX_REFRESH_MS}, got ${String(refreshAfterMs)}`,
    );
  }
  return { path, refreshAfterMs };
}
