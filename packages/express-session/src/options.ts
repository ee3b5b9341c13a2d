import type { Store } from "@scs/core";
import type { SessionCodec } from "@scs/session";
import type { Request } from "express";
import type { SessionData } from "express-session";
import type { CookieOptions } from "./cookie.js";
import type { OldStore } from "./old-store.js";
import type { Secret } from "./signed-cookie.js";

/** The options of express-session, and some of the session manager's. */
export interface SessionOptions<D = unknown> {
  /** Secret that signs cookies. If there are several, the first signs, and all are accepted. Required. */
  secret?: Secret | readonly Secret[];
  /** Any `@scs` store. @default MemStore */
  store?: Store;
  /** Attributes of the cookie, or a function of the request. @default { path: "/", httpOnly: true, secure: false, maxAge: null } */
  cookie?: CookieOptions | ((req: Request) => CookieOptions);
  /** Name of the cookie. @default "connect.sid" */
  name?: string;
  /** Older name of the option `name`. */
  key?: string;
  /** Whether every response sends the cookie, which restarts its `maxAge`. @default false */
  rolling?: boolean;
  /** Whether to save new sessions without values. @default true */
  saveUninitialized?: boolean;
  /** Effect of `req.session = null` on the stored session. @default "keep" */
  unset?: "destroy" | "keep";
  /** Whether `X-Forwarded-Proto` counts. @default Express's setting `trust proxy` */
  proxy?: boolean;
  /** Has no effect: only changes are saved. */
  resave?: boolean;
  /** Has no effect: the manager creates the IDs. */
  genid?: (req: Request) => string;

  /** Old store for express-session. Each of its sessions is taken over at the visitor's next request. */
  importFrom?: OldStore;
  /**
   * Whether to write sessions to `importFrom` as well, so that express-session finds them after a rollback. The old store
   * then needs `set` and `destroy`. @default false
   */
  rollback?: boolean;
  /** Lifetime since the last use of sessions without `cookie.maxAge`, in ms. @default 24 hours */
  idleTimeoutMs?: number;
  /** Absolute lifetime from the session's beginning, in ms. @default 100 years */
  lifetimeMs?: number;
  /** Minimum time between two extensions of a session, in ms. @default a tenth of the idle timeout, at most a minute */
  touchAfterMs?: number;
  /** Returns the user whose session it is, for `list` and `revokeAll`. With Passport: `(data) => data.passport?.user`. */
  owner?: (data: Readonly<Partial<SessionData>>) => string | number | undefined;
  /** Returns the description of a session in `list`. */
  describe?: (data: Readonly<Partial<SessionData>>) => D;
  /** Maximum number of sessions per owner. A further one ends the oldest. @default 100 */
  maxPerOwner?: number;
  /** Maximum size of an encoded session in bytes. @default 1,048,576 */
  maxBytes?: number;
  /** Time limit of a store call in ms. @default 10,000 */
  storeTimeoutMs?: number;
  /** Separates applications that share a store. @default none */
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

/** Emits a process warning about an option, once per process. */
function say(option: string, message: string): void {
  if (said.has(option)) return;
  said.add(option);
  process.emitWarning(`@scs/express-session: ${message}`, { code: "SCS_OPTION" });
}

/**
 * Warns about options without an effect. Options of express-session, and `importFrom`, may be any falsy value instead of
 * being left out.
 *
 * @throws TypeError for an option that cannot work, with advice.
 */
export function checkOptions(options: SessionOptions<never>): void {
  const { store, genid, unset, secret, resave, importFrom, rollback } = options;
  if (genid && typeof genid !== "function") {
    throw new TypeError("genid option must be a function");
  }
  if (unset && unset !== "destroy" && unset !== "keep") {
    throw new TypeError('unset option must be "destroy" or "keep"');
  }
  if (Array.isArray(secret) && secret.length === 0) {
    throw new TypeError("secret option array must contain one or more strings");
  }
  if (store && typeof store.find !== "function") {
    throw new TypeError(
      'store must be one of @scs, such as new PgStore(pool); a store of express-session goes to importFrom, or under express-session by "@scs/bridge"',
    );
  }
  if (importFrom && typeof importFrom.get !== "function") {
    throw new TypeError("importFrom must be a store of express-session: it needs get(sid, callback)");
  }
  const canWrite = typeof importFrom?.set === "function" && typeof importFrom.destroy === "function";
  if (rollback === true && !canWrite) {
    throw new TypeError("rollback writes to the old store: pass it as importFrom, with set and destroy");
  }
  if (resave === true) {
    say("resave", "resave: true has no effect: only changes are saved; write resave: false");
  }
  if (genid) {
    say("genid", "genid has no effect: the manager creates random IDs; leave it out");
  }
  for (const name of Object.keys(options)) {
    if (!Object.hasOwn(OPTIONS, name)) say(name, `there is no option "${name}": it has no effect`);
  }
}
