import type { Store } from "@scs/core";
import type { SessionCodec } from "@scs/session";
import type { Request } from "express";
import type { SessionData } from "express-session";
import type { CookieOptions } from "./cookie.js";
import type { OldStore } from "./old-store.js";
import type { Secret } from "./signed-cookie.js";

/** The options of express-session, and some of the manager below. */
export interface SessionOptions<D = unknown> {
  /** Signs cookies, the first of several; cookies that any of them has signed are read. Required. */
  secret?: Secret | readonly Secret[];
  /** Any `@scs` store. @default MemStore */
  store?: Store;
  /** A function makes them for each request. @default { path: "/", httpOnly: true, secure: false, maxAge: null } */
  cookie?: CookieOptions | ((req: Request) => CookieOptions);
  /** The name of the cookie. @default "connect.sid" */
  name?: string;
  /** The former name of `name`. */
  key?: string;
  /** Whether each response sets the cookie anew, so that its `maxAge` begins anew. @default false */
  rolling?: boolean;
  /** Whether a new session is saved that nothing was stored in. @default true */
  saveUninitialized?: boolean;
  /** What `req.session = null` does to the stored session. @default "keep" */
  unset?: "destroy" | "keep";
  /** Whether `X-Forwarded-Proto` counts; left out, Express's setting `trust proxy` does. */
  proxy?: boolean;
  /** Has no effect: only what has changed is saved. */
  resave?: boolean;
  /** Has no effect: the manager makes the IDs. */
  genid?: (req: Request) => string;

  /** The store of express-session whose sessions are taken over, each when its visitor comes. */
  importFrom?: OldStore;
  /**
   * Whether sessions are written to `importFrom` as well, so that express-session finds them after a rollback. It needs
   * `set` and `destroy` there. @default false
   */
  rollback?: boolean;
  /** How long a session without `cookie.maxAge` lives unused, in ms. @default 24 hours */
  idleTimeoutMs?: number;
  /** From a session's beginning to its end, however much it is used, in ms. @default 100 years */
  lifetimeMs?: number;
  /** A use is noted in the store when this much has passed since the last that was. @default a tenth of the idle timeout, at most a minute */
  touchAfterMs?: number;
  /** Whose session it is, for `list`, `revoke` and `revokeAll`: with Passport `(data) => data.passport?.user`. */
  owner?: (data: Readonly<Partial<SessionData>>) => string | number | undefined;
  /** What `list` says of a session beside its times. */
  describe?: (data: Readonly<Partial<SessionData>>) => D;
  /** How many sessions an owner may have; one more ends the eldest. @default 100 */
  maxPerOwner?: number;
  /** How large a session may be, encoded, in bytes. @default 1,048,576 */
  maxBytes?: number;
  /** How long a call of the store may take, in ms. @default 10,000 */
  storeTimeoutMs?: number;
  /** Tells applications apart that share a store. @default none */
  namespace?: string;
  /** @default devalueCodec */
  codec?: SessionCodec;
  /** The clock, in ms since the epoch, for tests. @default Date.now */
  now?: () => number;
  /** Called with the error behind each 500, and with each damaged session. @default a process warning */
  onError?: (error: Error) => unknown;
}

const OPTIONS: Record<keyof SessionOptions, true> = {
  ...{ secret: true, store: true, cookie: true, name: true, key: true, rolling: true, unset: true },
  ...{ saveUninitialized: true, proxy: true, resave: true, genid: true, importFrom: true, rollback: true },
  ...{ idleTimeoutMs: true, lifetimeMs: true, touchAfterMs: true, owner: true, describe: true },
  ...{ maxPerOwner: true, maxBytes: true, storeTimeoutMs: true, namespace: true, codec: true },
  ...{ now: true, onError: true },
};

const said = new Set<string>();

/** Says once per process what an option does not do. */
function say(option: string, message: string): void {
  if (said.has(option)) return;
  said.add(option);
  process.emitWarning(`@scs/express-session: ${message}`, { code: "SCS_OPTION" });
}

/**
 * Says what has no effect any more, by name.
 *
 * @throws TypeError for an option that cannot work, with what to do instead.
 */
export function checkOptions(options: SessionOptions<never>): void {
  const { store, genid, unset, secret, resave, importFrom, rollback } = options;
  if (genid !== undefined && typeof genid !== "function") {
    throw new TypeError("genid option must be a function");
  }
  if (unset && unset !== "destroy" && unset !== "keep") {
    throw new TypeError('unset option must be "destroy" or "keep"');
  }
  if (Array.isArray(secret) && secret.length === 0) {
    throw new TypeError("secret option array must contain one or more strings");
  }
  if (store !== undefined && typeof store?.find !== "function") {
    throw new TypeError(
      'store must be one of @scs, such as new PgStore(pool); a store of express-session goes to importFrom, or under express-session by "@scs/bridge"',
    );
  }
  if (importFrom !== undefined && typeof importFrom?.get !== "function") {
    throw new TypeError("importFrom must be a store of express-session: it needs get(sid, callback)");
  }
  const canWrite = typeof importFrom?.set === "function" && typeof importFrom.destroy === "function";
  if (rollback === true && !canWrite) {
    throw new TypeError("rollback writes to the old store: pass it as importFrom, with set and destroy");
  }
  if (resave === true) {
    say("resave", "resave: true has no effect: only what has changed is saved; write resave: false");
  }
  if (genid !== undefined) {
    say("genid", "genid has no effect: IDs are random and made with the token; leave it out");
  }
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(OPTIONS, name)) say(name, `there is no option "${name}": it has no effect`);
  }
}
