import type { RequestHead } from "../http/http-request.js";
import { isSecure } from "../http/http-request.js";
import type { EndpointAnswer, TokenHeader } from "../http/response-head.js";
import { type CookieOptions, SessionCookie } from "../http/session-cookie.js";
import type { SessionState } from "../state/session-state.js";
import { BindingEndpoints } from "./binding-endpoints.js";
import { type BindingOptions, DeviceBindings } from "./device-bindings.js";
import { checkedDeviceBound, type DeviceBoundParts } from "./device-bound-options.js";

/** Matches a path and query for a redirect. Excludes `//host` and `/\host`: browsers take them for another site. */
const OWN_URL = /^\/(?![/\\])/;

/** Binds the sessions of a manager to devices, over HTTP. */
export class DeviceBound {
  readonly bindings: DeviceBindings;
  readonly endpoints: BindingEndpoints;
  readonly #cookie: SessionCookie;
  readonly #trustProxy: boolean;

  constructor(
    bindings: Omit<BindingOptions, "refreshAfterMs">,
    cookie: SessionCookie,
    { sameSite = "lax" }: CookieOptions,
    { path, refreshAfterMs }: { path: string; refreshAfterMs: number },
    { trustProxy, onError }: { trustProxy: boolean; onError: (error: Error) => void },
  ) {
    this.#cookie = cookie;
    this.#trustProxy = trustProxy;
    this.bindings = new DeviceBindings({ ...bindings, refreshAfterMs });
    const boundCookie = new SessionCookie({ name: `${cookie.name}-bound`, sameSite });
    const { bindings: own } = this;
    this.endpoints = new BindingEndpoints({
      ...{ bindings: own, cookie, boundCookie, sameSite, path, refreshAfterMs, onError },
    });
  }

  /** Allows the request's browser to be asked to bind its session, if the request came by https. */
  attach(state: SessionState, request: RequestHead): void {
    state.bound = {
      ...state.bound,
      ask: (owner, now) =>
        (this.#cookie.isSecure ?? isSecure(request, this.#trustProxy))
          ? this.bindings.ask(owner, now)
          : undefined,
    };
  }

  /** Returns the headers to send with the header that sets or removes the client's token. */
  headersFor({ stored }: SessionState, request: RequestHead): readonly TokenHeader[] {
    const binding = stored?.meta.binding;
    if (binding !== undefined)
      return binding.key === undefined ? [this.endpoints.registrationOf(binding)] : [];
    const isLeft = stored === undefined && this.endpoints.boundCookiesOf(request).length > 0;
    return isLeft ? [this.endpoints.takenCookie] : [];
  }

  /**
   * Answers in place of the app if a request lacks the right bound cookie only because it was sent too early. The browser
   * repeats it once it has the cookie or can refresh it.
   */
  retryOf({ bound, stored }: SessionState, url: string | undefined): EndpointAnswer | undefined {
    const { doubt } = bound ?? {};
    if (stored !== undefined || doubt === undefined || doubt === "missing") return undefined;
    if (url === undefined || !OWN_URL.test(url)) return undefined;
    const headers: TokenHeader[] = [
      ["location", url],
      ["cache-control", "no-store"],
    ];
    if (doubt === "stale") headers.push(this.endpoints.takenCookie);
    return { status: 307, headers, body: "" };
  }
}

/** Creates the device binding of a manager; `undefined` if sessions are not bound. */
export function deviceBoundOf(
  options: DeviceBoundParts & { trustProxy?: boolean },
  cookie: unknown,
  bindings: Omit<BindingOptions, "refreshAfterMs">,
  onError: (error: Error) => void,
): DeviceBound | undefined {
  const checked = checkedDeviceBound(options);
  if (checked === undefined || !(cookie instanceof SessionCookie)) return undefined;
  const { trustProxy = false } = options;
  return new DeviceBound(bindings, cookie, options.cookie ?? {}, checked, { trustProxy, onError });
}
