import type { IncomingMessage } from "node:http";
import type { IntegratedSession } from "@scs/session/integration";
import type { Cookie, CookieOptions } from "./cookie.js";
import type { ImportedSession } from "./old-sessions.js";
import { createSession, Session, type SessionOwner } from "./session.js";
import type { SessionCookies } from "./session-cookie.js";
import type { SessionMirror } from "./session-mirror.js";
import { TrackedValues } from "./tracked-values.js";

/** Settings that all requests of a middleware share. */
export interface BindingOptions {
  cookies: SessionCookies;
  saveUninitialized: boolean;
  unset: "destroy" | "keep";
  /** Writes sessions to the old store as well, for `rollback`. */
  mirror: SessionMirror | undefined;
}

/** The state of a request's cookies. */
export interface Brought {
  cookieOptions: CookieOptions;
  opened: IntegratedSession<object>;
  imported: ImportedSession | undefined;
  /** Whether the request has a used cookie of an old session. */
  hasWorthlessCookie: boolean;
}

type Request = IncomingMessage & { session?: unknown; sessionID?: string };

/** Synchronizes `req.session` and the manager's session of one request. */
export class RequestBinding implements SessionOwner {
  readonly req: Request;
  readonly opened: IntegratedSession<object>;
  readonly #options: BindingOptions;
  readonly #cookieOptions: CookieOptions;
  readonly #isSavedEmpty: boolean;
  /** `req.session`, unless it has ended. */
  #current: Session | undefined;
  #values: TrackedValues | undefined;
  #imported: ImportedSession | undefined;
  #isModified = false;
  #isCookieChanged = false;

  constructor(req: IncomingMessage, options: BindingOptions, brought: Brought) {
    this.req = req;
    this.opened = brought.opened;
    this.#options = options;
    this.#cookieOptions = brought.cookieOptions;
    this.#imported = brought.imported;
    // Another request of the browser may just have got the session: an empty one must not overwrite its cookie.
    this.#isSavedEmpty = options.saveUninitialized && !brought.hasWorthlessCookie;
    this.#begin();
  }

  /** Sets `req.session` from the manager's session. */
  #begin(): void {
    const { id } = this.opened.session;
    const current = createSession(this, id, () => this.#cookieOf(values));
    const values = new TrackedValues(this.opened, current);
    this.#current = current;
    this.#values = values;
    this.req.sessionID = id;
    this.req.session = current;
  }

  #cookieOf({ ownCookie }: TrackedValues): Cookie {
    return this.#options.cookies.cookieOf(this.#cookieOptions, this.req, ownCookie, this.opened.expiry);
  }

  /** The cookie of `req.session` or, if the request has none, of a new session. */
  get cookie(): Cookie {
    return this.#current?.cookie ?? this.newCookie();
  }

  /** Whether the browser needs the cookie of a modified session again. Makes no cookie where none is needed. */
  get isCookieRenewed(): boolean {
    if (this.#isCookieChanged) return true;
    const { cookies } = this.#options;
    const isCommon = this.#current !== undefined && Session.cookieOf(this.#current) === undefined;
    if (isCommon && cookies.areUntimed && this.#values?.ownCookie === undefined) return false;
    return this.cookie.expires !== null;
  }

  newCookie(): Cookie {
    return this.#options.cookies.newCookie(this.#cookieOptions, this.req);
  }

  /** Whether the request has a session. */
  get isLive(): boolean {
    return this.#current !== undefined;
  }

  /** Whether an old session still has to be ended. */
  get isImporting(): boolean {
    return this.#imported !== undefined;
  }

  /** Whether the request has changed its session, which restarts the `maxAge` of the cookie. */
  get isModified(): boolean {
    return this.#isModified;
  }

  /** Records that the client has got the cookie, or needs none. */
  told(): void {
    this.opened.saving.told();
    this.#isModified = false;
    this.#isCookieChanged = false;
  }

  async save(session: Session): Promise<void> {
    if (session !== this.#current) return; // it has ended, and saves nothing
    this.takeChanges();
    await this.commit(() => this.opened.commit());
  }

  async regenerate(): Promise<void> {
    this.#current = undefined;
    try {
      await this.#end();
    } finally {
      this.#begin();
    }
  }

  async destroy(session: Session): Promise<void> {
    if (session !== this.#current) return;
    this.#current = undefined;
    delete this.req.session;
    await this.#end();
  }

  async reload(): Promise<void> {
    if (!(await this.opened.reload())) throw new Error("failed to load session");
    this.#begin();
  }

  async #end(): Promise<void> {
    await this.endImported(); // first: a request that has read the old session must not begin it again
    const token = this.opened.storedToken;
    await this.opened.end();
    if (token !== undefined) await this.#options.mirror?.end(token);
  }

  /** Ends the old session of the request. */
  async endImported(): Promise<void> {
    await this.#imported?.take();
    this.#imported = undefined;
  }

  /** Commits. Drops a session that others have ended, so that its values do not begin a new one. */
  async commit(commit: () => Promise<void>): Promise<void> {
    const before = this.opened.storedToken;
    await commit();
    const after = this.opened.storedToken;
    if (before !== undefined && after === undefined) this.#current = undefined;
    const { mirror } = this.#options;
    if (mirror === undefined) return;
    if (before !== undefined && before !== after) await mirror.end(before);
    if (after !== undefined) await mirror.write(after, this.cookie, this.opened.values());
  }

  /**
   * Copies changes of `req.session` to the manager's session.
   *
   * @returns Whether there were any.
   * @throws TypeError if `req.session` is no session; SessionError `INVALID_VALUE`.
   */
  takeChanges(): boolean {
    const isChanged = this.#takeChanges();
    this.#isModified ||= isChanged;
    return isChanged;
  }

  #takeChanges(): boolean {
    const [current, values] = [this.#current, this.#values];
    if (current === undefined || values === undefined) return false;
    const { session } = this.req;
    if (session === undefined || session === null) return this.#unset();
    if (session !== current) {
      throw new TypeError(
        "req.session was replaced: change its properties, or call req.session.regenerate()",
      );
    }
    const isChanged = values.takeFrom(current);
    const isStored = this.opened.storedToken !== undefined;
    if (!values.isEmpty || isStored) return this.#takeCookie(current, values) || isChanged;
    if (this.#isSavedEmpty) values.keepEmpty();
    return isChanged || this.#isSavedEmpty;
  }

  #takeCookie(current: Session, values: TrackedValues): boolean {
    const { cookies } = this.#options;
    const cookie = Session.cookieOf(current) ?? (cookies.isPerRequest ? current.cookie : undefined);
    if (cookie === undefined) return false; // never accessed
    const isChanged = values.takeCookie(cookies.ownOf(cookie, this.#cookieOptions, this.req));
    this.#isCookieChanged ||= isChanged;
    return isChanged;
  }

  #unset(): boolean {
    if (this.#options.unset === "keep") return false;
    this.#current = undefined;
    this.opened.session.destroy();
    return true;
  }
}
