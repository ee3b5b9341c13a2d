import type { AtomicStore } from "@scs/core";
import type { CookieOptions } from "./http/session-cookie.js";
import { defaultTouchAfterMs, type LifetimeOptions } from "./idle-timeout.js";
import type { SessionManagerOptions } from "./manager-options.js";
import { limitsOf, type PolicyName } from "./policy/presets.js";
import type { Lifetimes } from "./policy/timeouts.js";

/** @internal */
export const DEFAULT_MAX_PER_OWNER = 100;
/** @internal */
export const DEFAULT_STORE_TIMEOUT_MS = 10_000;

const DEFAULT_LIFETIME_MS = 86_400_000;
const MAX_PER_OWNER = 10_000;
/** A longer delay fires at once in Node.js. */
const MAX_TIMEOUT_MS = 2 ** 31 - 1;
const MAX_LIFETIME_MS = 100 * 365.25 * 86_400_000;
const NAMESPACE = /^[\w-]{0,64}$/;

const OPTIONS: Record<keyof SessionManagerOptions, true> = {
  ...{
    store: true,
    lifetimeMs: true,
    idleTimeoutMs: true,
    touchAfterMs: true,
    cookie: true,
    transport: true,
  },
  ...{ trustProxy: true, storeTimeoutMs: true, namespace: true, maxBytes: true, owner: true, describe: true },
  ...{ maxPerOwner: true, asyncContext: true, codec: true, now: true, onError: true },
  ...{ policy: true, timeouts: true, client: true, deviceBound: true },
};
const COOKIE_OPTIONS: Record<keyof CookieOptions, true> = {
  ...{ name: true, secure: true, httpOnly: true, sameSite: true, path: true, domain: true },
  ...{ partitioned: true, persist: true },
};

/** Replacements for options of other session managers. */
const REMEDIES: Readonly<Record<string, string>> = {
  secret: "leave it out: tokens are random and stored as hashes, so that there is nothing to sign",
  secrets: "leave it out: tokens are random and stored as hashes, so that there is nothing to sign",
  keys: "leave it out: tokens are random and stored as hashes, so that there is nothing to sign",
  password: "leave it out: nothing of the session is in the cookie",
  resave: "leave it out: only what has changed is saved",
  saveUninitialized: "leave it out: an empty session is never saved",
  rolling: "write idleTimeoutMs: how long a session lives after its last use",
  name: "write cookie: { name }",
  key: "write cookie: { name }",
  cookieName: "write cookie: { name }",
  genid: "leave it out: tokens are made by the manager, of 48 random bytes",
  generate: "leave it out: tokens are made by the manager, of 48 random bytes",
  proxy: "write trustProxy",
  unset: "leave it out: session.destroy() ends a session",
  ttl: "write lifetimeMs, in milliseconds",
  lifetime: "write lifetimeMs, in milliseconds",
  idleTimeout: "write idleTimeoutMs, in milliseconds",
  maxAge: "write lifetimeMs, in milliseconds",
  hashTokens: "leave it out: the store never sees a token's secret",
  "cookie.maxAge":
    "write lifetimeMs beside cookie; cookie: { persist: false } for a cookie that ends with the browser",
  "cookie.expires": "write lifetimeMs beside cookie; session.setDeadline(date) for one session",
  "cookie.originalMaxAge": "write lifetimeMs beside cookie",
  "cookie.signed": "leave it out: tokens are random, so that there is nothing to sign",
  "cookie.overwrite": "leave it out: a session's cookie is set once per response",
};

/** Throws for unknown options, which would silently do nothing: misspelt ones, and options of other libraries. */
function assertKnown(path: string, options: object, known: object): void {
  for (const name of Object.keys(options)) {
    if (Object.hasOwn(known, name)) continue;
    const [full, names] = [path + name, Object.keys(known).join(", ")];
    const remedy = Object.hasOwn(REMEDIES, full) ? REMEDIES[full] : `the options are ${names}`;
    throw new TypeError(`there is no option ${full}: ${remedy}`);
  }
}

/** Throws for values that JavaScript would treat as true, or that would fail only later. */
function checkTypes({ cookie, codec, transport, ...options }: Partial<SessionManagerOptions>): void {
  const flags = {
    ...{ trustProxy: options.trustProxy, asyncContext: options.asyncContext },
    ...{ "cookie.httpOnly": cookie?.httpOnly, "cookie.persist": cookie?.persist },
  };
  for (const [name, flag] of Object.entries<unknown>(flags)) {
    if (flag === undefined || typeof flag === "boolean") continue;
    throw new TypeError(`${name} must be true or false, got ${JSON.stringify(flag) ?? typeof flag}`);
  }
  for (const name of ["name", "domain"] as const) {
    const value: unknown = cookie?.[name];
    if (value === undefined || typeof value === "string") continue;
    throw new TypeError(`cookie.${name} must be a string, got ${typeof value}`);
  }
  const needs = [
    [codec, "codec must have encode and decode, as jsonCodec has", ["encode", "decode"]],
    [transport, 'transport must be one, such as headerTransport("x-session")', ["read", "give", "take"]],
  ] as const;
  for (const [part, message, methods] of needs) {
    if (part === undefined) continue;
    const found: Readonly<Record<string, unknown>> = Object(part);
    if (!methods.every((method) => typeof found[method] === "function")) throw new TypeError(message);
  }
  for (const name of ["requestHeader", "responseHeader"] as const) {
    const header: unknown = transport?.[name];
    if (transport === undefined || (typeof header === "string" && /^[^A-Z]+$/.test(header))) continue;
    throw new TypeError(`transport.${name} must be the name of a header in lower case, as in "x-session"`);
  }
}

/**
 * Checks the options.
 *
 * @throws TypeError or RangeError for an option that cannot work. The message says what to write instead.
 *
 * @internal
 */
export function checkOptions<T extends object, D>(options: SessionManagerOptions<T, D>): void {
  assertKnown("", options, OPTIONS);
  if (options.cookie !== undefined) {
    if (typeof options.cookie !== "object" || options.cookie === null) {
      throw new TypeError("cookie must be an object, as in cookie: { secure: false }");
    }
    assertKnown("cookie.", options.cookie, COOKIE_OPTIONS);
  }
  const { store, owner, maxPerOwner, describe, namespace = "", maxBytes = 65_536 } = options;
  checkMs("storeTimeoutMs", options.storeTimeoutMs ?? DEFAULT_STORE_TIMEOUT_MS, 1, MAX_TIMEOUT_MS);
  if (options.transport !== undefined && options.cookie !== undefined) {
    throw new TypeError("cookie and transport are alternatives: set only one of them");
  }
  checkTypes(options as Partial<SessionManagerOptions>);
  if (typeof namespace !== "string" || !NAMESPACE.test(namespace)) {
    throw new TypeError("namespace must consist of at most 64 letters, digits, - and _");
  }
  if (owner === undefined && (maxPerOwner !== undefined || describe !== undefined)) {
    throw new TypeError(
      "maxPerOwner and describe need owner, which returns the user of a session, as in (data) => data.userId",
    );
  }
  if (owner !== undefined && typeof (store as Partial<AtomicStore>).replace !== "function") {
    throw new TypeError(
      "owner needs a store with replace(): without it, an owner's list would lose sessions",
    );
  }
  if (
    maxPerOwner !== undefined &&
    !(Number.isInteger(maxPerOwner) && maxPerOwner > 0 && maxPerOwner <= MAX_PER_OWNER)
  ) {
    throw new RangeError(
      `maxPerOwner must be a whole number from 1 to ${MAX_PER_OWNER}, got ${String(maxPerOwner)}`,
    );
  }
  if (!(Number.isInteger(maxBytes) && maxBytes > 0)) {
    throw new RangeError(`maxBytes must be a whole number from 1, got ${String(maxBytes)}`);
  }
  for (const [name, callback] of Object.entries({
    owner,
    describe,
    timeouts: options.timeouts,
    client: options.client,
    now: options.now,
    onError: options.onError,
  })) {
    if (callback !== undefined && typeof callback !== "function") {
      throw new TypeError(`${name} must be a function, got ${typeof callback}`);
    }
  }
}

/**
 * Checks the lifetimes.
 *
 * @throws TypeError or RangeError for lifetimes that cannot work.
 *
 * @internal
 */
export function checkedLifetimes({
  policy,
  timeouts,
  ...options
}: LifetimeOptions & { timeouts?: unknown }): Lifetimes {
  const limits = limitsOf(policy);
  const defaultMs = policy === undefined ? DEFAULT_LIFETIME_MS : limits.lifetimeMs;
  const { lifetimeMs = defaultMs, idleTimeoutMs, touchAfterMs } = options;
  checkMs("lifetimeMs", lifetimeMs, 1);
  checkWithin(policy, "lifetimeMs", lifetimeMs, limits.lifetimeMs);
  checkMs("touchAfterMs", touchAfterMs ?? 0, 0);
  const idleMs = typeof idleTimeoutMs === "number" ? idleTimeoutMs : limits.idleTimeoutMs;
  if (idleTimeoutMs !== undefined && typeof idleTimeoutMs !== "function") {
    checkMs("idleTimeoutMs", idleTimeoutMs, 1);
    checkWithin(policy, "idleTimeoutMs", idleTimeoutMs, limits.idleTimeoutMs);
  }
  if (touchAfterMs !== undefined && touchAfterMs >= idleMs) {
    throw new RangeError(`touchAfterMs must be less than idleTimeoutMs, ${idleMs}, got ${touchAfterMs}`);
  }
  const isByValues = timeouts !== undefined || typeof idleTimeoutMs === "function";
  if (touchAfterMs !== undefined && idleMs === Number.POSITIVE_INFINITY && !isByValues) {
    throw new TypeError("touchAfterMs needs idleTimeoutMs: set both, or neither");
  }
  return { lifetimeMs, idleTimeoutMs: idleMs, touchAfterMs: touchAfterMs ?? defaultTouchAfterMs(idleMs) };
}

function checkWithin(policy: PolicyName | undefined, name: string, ms: number, limit: number): void {
  if (ms <= limit) return;
  throw new RangeError(
    `policy "${policy}" allows ${name} up to ${limit}, got ${ms}: leave it out, or shorten it`,
  );
}

function checkMs(name: string, ms: number, min: number, max: number = MAX_LIFETIME_MS): void {
  if (typeof ms !== "number" || !(ms >= min && ms <= max)) {
    throw new RangeError(`${name} must be a number of milliseconds from ${min} to ${max}, got ${String(ms)}`);
  }
}
