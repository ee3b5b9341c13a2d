import type { IncomingMessage, ServerResponse } from "node:http";
import { MemStore } from "@scs/memstore";
import { SessionManager, type SessionManagerOptions } from "@scs/session";
import {
  holdResponse,
  type IntegratedSession,
  prepareToExtend,
  SessionIntegration,
} from "@scs/session/integration";
import type { SessionData } from "express-session";
import { Cookie, type CookieOptions } from "./cookie.js";
import { type ImportedSession, OldSessions } from "./old-sessions.js";
import { OldStoreCalls } from "./old-store.js";
import { checkOptions, type SessionOptions } from "./options.js";
import { type BindingOptions, RequestBinding } from "./request-binding.js";
import { type CookieRequest, pathOf, signedCookies } from "./request-cookies.js";
import { type ResponseOptions, ResponseSaving } from "./response-saving.js";
import { SessionCookies } from "./session-cookie.js";
import { SessionMirror } from "./session-mirror.js";
import { isToken, type Secret, SignedCookie, type SignedValue } from "./signed-cookie.js";

type Request = CookieRequest & { session?: unknown; sessionStore?: unknown };

/** A middleware for Express, Connect and `engine.use` of Socket.IO. */
export type SessionHandler<D = unknown> = ((
  req: IncomingMessage,
  res: ServerResponse,
  next: (error?: unknown) => void,
) => void) & {
  /** The session manager: `list`, `revoke` and `revokeAll` of a user's sessions, `get(req)`, events. */
  readonly sessions: SessionManager<SessionData, D>;
};

/** The session that a request opens. */
interface Opening {
  opened: IntegratedSession<object>;
  imported?: ImportedSession | undefined;
  hasWorthlessCookie?: boolean;
}

/** Default absolute lifetime: express-session has none, but the manager needs one. */
const MAX_LIFETIME_MS = 100 * 365 * 86_400_000;
const DEFAULT_MAX_BYTES = 1_048_576;
const DEFAULT_STORE_TIMEOUT_MS = 10_000;

/** Creates the middleware. */
export function makeHandler<D>(options: SessionOptions<D>): SessionHandler<D> {
  checkOptions(options as SessionOptions<never>);
  const handler = new Handler(options);
  const handle = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) =>
    handler.handle(req, res, next);
  return Object.assign(handle, { sessions: handler.sessions });
}

class Handler<D> {
  readonly sessions: SessionManager<SessionData, D>;
  readonly #name: string;
  readonly #store: unknown;
  readonly #secrets: readonly Secret[] | undefined;
  readonly #integration: SessionIntegration<object>;
  readonly #cookies: SessionCookies;
  readonly #bindings: BindingOptions;
  readonly #responses: ResponseOptions;
  readonly #oldSessions: OldSessions | undefined;

  constructor(options: SessionOptions<D>) {
    const { secret, proxy, idleTimeoutMs, importFrom, unset, onError, now = () => Date.now() } = options;
    const store = options.store || new MemStore();
    const cookie = options.cookie || {};
    const { saveUninitialized = true, rolling = false, rollback = false } = options;
    const { storeTimeoutMs = DEFAULT_STORE_TIMEOUT_MS } = options;
    this.#store = store;
    this.#secrets = secret ? ([secret].flat() as Secret[]) : undefined;
    this.#name = options.name || options.key || "connect.sid";
    this.#cookies = new SessionCookies({ cookie, proxy, idleTimeoutMs, now });
    const newCookie = () => new Cookie(typeof cookie === "function" ? {} : cookie, now);
    const transport = new SignedCookie(this.#name, this.#secrets ?? [], newCookie);
    const idleTimeoutOf = (values: object) => this.#cookies.idleTimeoutOf(values as Record<string, unknown>);
    this.sessions = new SessionManager<SessionData, D>({
      ...managerOptions(options),
      ...{ store, transport, idleTimeoutMs: idleTimeoutOf },
    });
    const integration = new SessionIntegration(this.sessions as unknown as SessionManager<object>);
    this.#integration = integration;
    const exists = (token: string) => this.sessions.exists(token);
    const old = importFrom ? new OldStoreCalls(importFrom, storeTimeoutMs) : undefined;
    const mirror = rollback && old ? new SessionMirror(old, exists) : undefined;
    this.#bindings = { cookies: this.#cookies, saveUninitialized, unset: unset || "keep", mirror };
    this.#responses = { transport, proxy, rolling: Boolean(rolling) };
    const report = onError ?? ((error: Error) => process.emitWarning(error));
    this.#oldSessions =
      old && new OldSessions({ store: old, integration, cookies: this.#cookies, now, onError: report });
  }

  handle(req: Request, res: ServerResponse, next: (error?: unknown) => void): void {
    const cookieOptions = req.session ? undefined : this.#cookies.optionsFor(req);
    if (cookieOptions === undefined || !pathOf(req).startsWith(cookieOptions.path || "/")) next();
    else this.#handle(req, res, next, cookieOptions);
  }

  #handle(
    req: Request,
    res: ServerResponse,
    next: (error?: unknown) => void,
    cookieOptions: CookieOptions,
  ): void {
    const secrets = this.#secrets ?? (req.secret ? [req.secret] : undefined);
    if (secrets === undefined) {
      next(new Error("secret option required for sessions"));
      return;
    }
    prepareToExtend(req);
    req.sessionStore = this.#store;
    const proceed = ({ opened, imported, hasWorthlessCookie = false }: Opening) => {
      const brought = { cookieOptions, opened, imported, hasWorthlessCookie };
      const binding = new RequestBinding(req, this.#bindings, brought);
      // Socket.IO passes an empty object, or one for an upgrade, which is no response to hold.
      if (res.writableEnded !== undefined) {
        holdResponse(res, new ResponseSaving(binding, this.#responses, secrets));
        endOnce(res);
      }
      this.#integration.run(opened, next);
    };
    const opening = this.#open(req, signedCookies(req, this.#name, secrets));
    if (!(opening instanceof Promise)) {
      proceed(opening);
      return;
    }
    opening.then(
      (each) => throwOutside(() => proceed(each)),
      (error: unknown) => throwOutside(() => next(error)),
    );
  }

  #open(req: Request, signed: readonly SignedValue[]): Opening | Promise<Opening> {
    const tokens = signed.map(({ value }) => value).filter(isToken);
    if (tokens.length === 0 && signed.length > 0 && this.#oldSessions !== undefined) {
      return this.#import(this.#oldSessions, req, signed);
    }
    const opened = this.#integration.open(req, tokens);
    return opened instanceof Promise ? opened.then((each) => ({ opened: each })) : { opened };
  }

  async #import(old: OldSessions, req: Request, signed: readonly SignedValue[]): Promise<Opening> {
    const imported = await old.open(req, signed);
    if (typeof imported === "object") return { opened: imported.opened, imported };
    return { opened: await this.#integration.open(req, []), hasWorthlessCookie: imported === "taken" };
  }
}

function managerOptions<D>(options: SessionOptions<D>): Partial<SessionManagerOptions<SessionData, D>> {
  const { lifetimeMs = MAX_LIFETIME_MS, maxBytes = DEFAULT_MAX_BYTES, owner, touchAfterMs } = options;
  const { describe, maxPerOwner, storeTimeoutMs, namespace, codec, now, onError } = options;
  const own = { owner, touchAfterMs, describe, maxPerOwner, storeTimeoutMs, namespace, codec, now, onError };
  const given = Object.entries(own).filter(([, value]) => value !== undefined);
  return { lifetimeMs, maxBytes, ...Object.fromEntries(given) };
}

const firstEnd: unique symbol = Symbol("first end");
type EndedOnce = ServerResponse & { [firstEnd]?: ((...args: unknown[]) => unknown) | undefined };

/** Ignores writes after the end, as express-session does. Node.js would end the process. */
function endOnce(res: EndedOnce): void {
  if (Object.hasOwn(res, firstEnd)) return; // by another middleware of this package
  res[firstEnd] = res.end as (...args: unknown[]) => unknown;
  res.end = end as ServerResponse["end"];
}

/** One function for all: with a closure of its own, each response would outlive the collection of young garbage. */
function end(this: EndedOnce, ...args: unknown[]): unknown {
  const first = this[firstEnd];
  if (first === undefined) return false;
  this[firstEnd] = undefined;
  return first.apply(this, args);
}

/** Rethrows an error outside of the promise, so that it becomes an uncaught exception. */
function throwOutside(work: () => void): void {
  try {
    work();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
