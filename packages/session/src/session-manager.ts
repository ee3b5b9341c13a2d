import type { AtomicStore, Store } from "@scs/core";
import { jsonCodec, type SessionCodec } from "./codec.js";
import { type Middleware, type Request, serve } from "./middleware.js";
import { Session, stateOf } from "./session.js";
import { type CookieOptions, SessionCookie } from "./session-cookie.js";
import { SessionRepository } from "./session-repository.js";
import type { SessionState } from "./session-state.js";

export interface SessionManagerOptions {
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
  /** Whether the store sees SHA-256 of each token alone, so that who reads it can take over no session. @default true */
  hashTokens?: boolean;
  /** @default jsonCodec */
  codec?: SessionCodec;
  /** The clock, in ms since the epoch, for tests. @default Date.now */
  now?: () => number;
  /** Is told each error that a response was replaced for by a 500, and damaged sessions. @default a process warning */
  onError?: (error: Error) => void;
}

/** How often one response waits for a session that the app keeps changing. */
const MAX_COMMITS = 10;
const MAX_LIFETIME_MS = 100 * 365.25 * 86_400_000;

/**
 * Gives each visitor a session. `T` is what it holds:
 *
 *     const sessions = new SessionManager<{ userId: string }>({ store: new MemStore() });
 *
 * Over an `AtomicStore`, parallel requests that change different keys of one session both keep their change
 * (of one key, the last wins), and no late save brings back a session that was ended. Over a plain `Store`
 * the last save wins as a whole, and the manager warns so once.
 *
 * @throws TypeError or RangeError on construction, if an option cannot work, with what to do instead.
 */
export class SessionManager<T extends object = Record<string, unknown>> {
  readonly #repository: SessionRepository;
  readonly #cookie: SessionCookie;
  readonly #now: () => number;
  readonly #onError: (error: Error) => void;
  readonly #sessions: WeakMap<object, Session<T>> = new WeakMap();

  constructor(options: SessionManagerOptions) {
    if (typeof options?.store?.find !== "function") {
      throw new TypeError("store is missing: pass one, as in new SessionManager({ store: new MemStore() })");
    }
    const { store, hashTokens = true, codec = jsonCodec } = options;
    this.#cookie = new SessionCookie(options.cookie);
    this.#now = options.now ?? Date.now;
    const { onError = (error: Error) => process.emitWarning(error) } = options;
    this.#onError = (error) => {
      try {
        onError(error);
      } catch (thrown) {
        // An error handler that throws must leave no response open, and must not end the process.
        process.emitWarning(thrown instanceof Error ? thrown : String(thrown));
      }
    };
    this.#repository = new SessionRepository({
      ...{ store, hashTokens, codec, now: this.#now, onError: this.#onError },
      ...checkedLifetimes(options),
    });
    if ((store as Partial<AtomicStore>).replace === undefined) {
      process.emitWarning(
        "the session store has no replace(): parallel requests may lose changes, and a late save may bring an ended session back",
        { type: "SessionManager", code: "SCS_NOT_ATOMIC" },
      );
    }
  }

  /** The name of the cookie that carries the token. */
  get cookieName(): string {
    return this.#cookie.name;
  }

  /**
   * For `node:http`, Connect and Express: loads the session before the app sees the request, and saves it
   * before the first byte of the response leaves. A store that fails becomes a 500, never an empty session:
   * by `next(error)` if `next` takes an argument and the app has not answered yet.
   */
  middleware(): Middleware {
    return (req, res, next) => {
      if (this.#sessions.has(req)) return next();
      let toldToken: string | undefined;
      const load = async (): Promise<void> => {
        const session = await this.load(this.#cookie.read(req.headers.cookie));
        toldToken = session.token;
        this.#sessions.set(req, session);
      };
      // The app may have committed the session itself: the client is to be told all the same.
      const isUntold = (state: SessionState): boolean => this.#cookieAfter(toldToken, state) !== undefined;
      const isChanged = (): boolean => {
        const state = stateOf(this.get(req));
        return this.#repository.isChanged(state) || isUntold(state);
      };
      const save = async (): Promise<string | undefined> => {
        const state = stateOf(this.get(req));
        await this.commit(this.get(req));
        // The app may go on while its response is held; but not for ever.
        for (let turn = 1; turn < MAX_COMMITS && this.#repository.isChanged(state); turn++) {
          await this.commit(this.get(req));
        }
        const cookie = this.#cookieAfter(toldToken, state);
        toldToken = state.token;
        return cookie;
      };
      const isDue = (): boolean => isChanged() || this.#repository.isDue(stateOf(this.get(req)));
      serve(res, next, load, { isDue, isChanged, save, onError: this.#onError });
    };
  }

  /** The session of a request that has passed the middleware. */
  get(req: Request): Session<T> {
    const session = this.#sessions.get(req);
    if (session === undefined) {
      throw new Error(
        "this request has no session yet: let sessions.middleware() handle it first, as in app.use(sessions.middleware())",
      );
    }
    return session;
  }

  /**
   * Gives the session that `token` leads to; a new and empty one if that is none: unknown, expired, ended or
   * malformed. A token that the store does not know is never adopted.
   *
   * @throws StoreError if the store fails.
   */
  async load(token: string | undefined): Promise<Session<T>> {
    return new Session<T>(await this.#repository.load(token));
  }

  /**
   * Carries out what was asked of the session: saves changes, renews, destroys. Does nothing to the store if
   * there is nothing to do. A session that another request has ended meanwhile is not brought back: its
   * `status` is `destroyed` then, and its changes are dropped.
   *
   * @returns the `Set-Cookie` header that tells the client its new token or takes the old one from it, if any.
   * @throws StoreError if the store fails. SessionError `INVALID_VALUE`, `CONFLICT`.
   */
  commit(session: Session<T>): Promise<string | undefined> {
    const state = stateOf(session);
    return state.inTurn(async () => {
      const token = state.destroyedToken ?? state.token;
      await this.#repository.commit(state);
      return this.#cookieAfter(token, state);
    });
  }

  /** The `Set-Cookie` header for a client that knows `token`; none if another request ended the session, and told it. */
  #cookieAfter(token: string | undefined, state: SessionState): string | undefined {
    if (state.token === token) return undefined;
    if (state.token !== undefined) return this.#cookie.set(state.token, state.deadline - this.#now());
    return state.isDestroyed ? this.#cookie.clear() : undefined;
  }

  /** Ends the session at once; see `commit` for what it gives. */
  destroy(session: Session<T>): Promise<string | undefined> {
    session.destroy();
    return this.commit(session);
  }

  /** Gives the session a new token at once, and saves it; see `commit` for what it gives. */
  renew(session: Session<T>): Promise<string | undefined> {
    session.renew();
    return this.commit(session);
  }
}

function checkedLifetimes({ lifetimeMs = 86_400_000, idleTimeoutMs, touchAfterMs }: SessionManagerOptions): {
  lifetimeMs: number;
  idleTimeoutMs: number;
  touchAfterMs: number;
} {
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
