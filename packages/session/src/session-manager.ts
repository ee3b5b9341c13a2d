import type { IncomingMessage, ServerResponse } from "node:http";
import { cleanUp, type ExpiringStore, type Store } from "@scs/core";
import { isBackgroundRequest } from "./http/background-request.js";
import { ClientKnowledge, type ClientNews, headerFor } from "./http/client-knowledge.js";
import type { RequestHead } from "./http/http-request.js";
import type { Middleware } from "./http/middleware.js";
import { hold, nodeMiddleware } from "./http/node-middleware.js";
import { commitNow } from "./http/request-session.js";
import { RequestSessions } from "./http/request-sessions.js";
import { SessionCookie } from "./http/session-cookie.js";
import type { TokenHeader } from "./http/token-transport.js";
import type { InspectedSession } from "./inspection.js";
import type { SessionManagerOptions } from "./manager-options.js";
import type { OwnedSession } from "./owners/owned-session.js";
import { ownerName } from "./owners/owner-name.js";
import type { OwnerSessions } from "./owners/owner-sessions.js";
import { eachSession, reindex } from "./persistence/all-sessions.js";
import { createSession, type RenewOptions, Session, stateOf } from "./session.js";
import { buildEngine, type SessionEngine } from "./session-engine.js";
import type { SessionEventName, SessionEvents } from "./session-events.js";

/** @internal */
let requestsOf: <T extends object, D>(manager: SessionManager<T, D>) => RequestSessions<T>;
/** @internal */
let engineOf: <T extends object, D>(manager: SessionManager<T, D>) => SessionEngine;
/** @internal */
let reportTo: <T extends object, D>(manager: SessionManager<T, D>, error: Error) => void;

/**
 * Gives each visitor a session. `T` is what it holds, `D` what `describe` makes of it:
 *
 *     const sessions = new SessionManager<{ userId: string }>({ store: new MemStore() });
 *
 * Over an `AtomicStore`, parallel requests that change different keys of one session both keep their change
 * (of one key, the last wins), and no late save brings back a session that was ended. Over a plain `Store`
 * the last save wins as a whole, and the manager warns so once.
 */
export class SessionManager<T extends object = Record<string, unknown>, D = unknown> {
  readonly #engine: SessionEngine;
  readonly #requests: RequestSessions<T>;
  readonly #store: Store;

  static {
    requestsOf = (manager) => manager.#requests;
    engineOf = (manager) => manager.#engine;
    reportTo = (manager, error) => manager.#engine.onError(error);
  }

  /** @throws TypeError or RangeError if an option cannot work, with what to do instead. */
  constructor(options: SessionManagerOptions<T, D>) {
    this.#engine = buildEngine(options);
    this.#store = options.store;
    this.#requests = new RequestSessions(this.#engine, options.asyncContext === true);
    if (this.#engine.store.replace !== undefined) return;
    process.emitWarning(
      "the session store has no replace(): parallel requests may lose changes, and a late save may bring an ended session back",
      { type: "SessionManager", code: "SCS_NOT_ATOMIC" },
    );
  }

  /** The store that the manager was given. An accessor, so that who prints the manager prints no records. */
  get store(): Store {
    return this.#store;
  }

  /** The name of the cookie that carries the token; empty with another transport. */
  get cookieName(): string {
    const { transport } = this.#engine;
    return transport instanceof SessionCookie ? transport.name : "";
  }

  /**
   * For `node:http`, `node:http2`, Connect and Express: loads the session before the app sees the request, and
   * saves it before the first byte of the response leaves. A store that fails becomes a 500, never an empty
   * session: by `next(error)` if `next` takes an argument and the app has not answered yet.
   */
  middleware(): Middleware {
    return nodeMiddleware(this.#requests, this.#engine.onError);
  }

  /** Returns the session of a request that has passed the middleware. A framework's own request object will do. */
  get(request: object): Session<T> {
    return this.#requests.get(request);
  }

  /**
   * Returns the session of the request that is being answered, wherever this is called from: for code that the
   * request is not passed to. Needs `asyncContext: true`.
   *
   * @throws SessionError `NO_CONTEXT` outside of a request.
   */
  current(): Session<T> {
    return this.#requests.current();
  }

  /**
   * Loads the session of a request, where no middleware does, and from then on holds the response until it is saved.
   *
   * @param options `token`: what the client sent otherwise than by the manager's cookie or header, as in a body.
   * @throws StoreError if the store fails.
   */
  async start(
    req: IncomingMessage,
    res: ServerResponse,
    { token }: { token?: string | undefined } = {},
  ): Promise<Session<T>> {
    const opened = await (token === undefined ? this.#requests.open(req) : this.#requests.openAs(req, token));
    hold(opened, res);
    return opened.session;
  }

  /**
   * Loads the session of a token, or of the tokens that a request brings, such as that of a WebSocket; a new and
   * empty one if there is none: unknown, expired, ended or malformed. A token that the store does not know is never
   * adopted.
   *
   * @throws StoreError if the store fails.
   */
  async load(source: string | RequestHead | undefined): Promise<Session<T>> {
    const tokens = isRequest(source) ? this.#requests.tokensOf(source) : source === undefined ? [] : [source];
    const state = await this.#requests.load(tokens, isRequest(source) ? source : undefined);
    const { clientNoteOf } = this.#engine;
    if (isRequest(source) && clientNoteOf !== undefined) state.describeClient = () => clientNoteOf(source);
    return createSession<T>(state, this.#engine.merge);
  }

  /**
   * Carries out what was asked of the session: saves changes, renews, destroys. Does nothing to the store if
   * there is nothing to do. A session that another request has ended meanwhile is not brought back: its
   * `status` is `destroyed` then, and its changes are dropped.
   *
   * @returns the response header that tells the client its new token or takes the old one from it, if any.
   * @throws StoreError if the store fails. SessionError `INVALID_VALUE`, `TOO_LARGE`, `CONFLICT`, `STORE_TIMEOUT`.
   */
  commit(session: Session<T>): Promise<TokenHeader | undefined> {
    const { repository, transport, now } = this.#engine;
    const state = stateOf(session);
    return state.turns.run(async () => {
      const client = new ClientKnowledge(state);
      await commitNow(repository, state);
      return client.header(state, transport, now, () => true);
    });
  }

  /**
   * Returns the response header that gives the client the session's token, or takes it from one that has ended, whether
   * the client has been told or not: for frameworks that set a cookie at each change.
   */
  tokenHeader(session: Session<T>): TokenHeader {
    const { transport, now } = this.#engine;
    const state = stateOf(session);
    const { token } = state;
    const isGiven = token !== undefined && (state.stored !== undefined || state.isChanged());
    const news: ClientNews = isGiven ? { kind: "give", token } : { kind: "take" };
    return headerFor(news, state, transport, now, () => true);
  }

  /**
   * Notes that a session is in use, where an idle timeout runs: for what loads sessions without a response, such as a
   * proxy before Next.js. Does nothing for a prefetch.
   *
   * @throws StoreError if the store fails.
   */
  async touch(source: string | RequestHead): Promise<void> {
    if (!this.#engine.hasIdleTimeout || (isRequest(source) && isBackgroundRequest(source))) return;
    await this.commit(await this.load(source));
  }

  /** Gives the session a new token at once, and saves it; see `commit` for what it returns. */
  renew(session: Session<T>, options?: RenewOptions): Promise<TokenHeader | undefined> {
    session.renew(options);
    return this.commit(session);
  }

  /** Gives the session of a request a new token at once, and saves it. The response gets its cookie. */
  async regenerate(req: IncomingMessage, res: ServerResponse, options?: RenewOptions): Promise<Session<T>> {
    const session = await this.start(req, res);
    await this.renew(session, options);
    return session;
  }

  /**
   * Ends a session at once, also when the headers have been sent.
   *
   * @returns see `commit`; a request's response gets that header.
   */
  destroy(session: Session<T>): Promise<TokenHeader | undefined>;
  destroy(req: IncomingMessage, res: ServerResponse): Promise<TokenHeader | undefined>;
  async destroy(
    subject: Session<T> | IncomingMessage,
    res?: ServerResponse,
  ): Promise<TokenHeader | undefined> {
    const session = subject instanceof Session ? subject : await this.start(subject, res as ServerResponse);
    stateOf(session).destroy(true);
    return this.commit(session);
  }

  /**
   * Runs `work` on the session of a token, with `current()` known in it, and commits it: for jobs and WebSockets. If
   * `work` fails, nothing is committed.
   *
   * @returns what `work` returns.
   */
  async use<R>(
    source: string | RequestHead | undefined,
    work: (session: Session<T>) => R | Promise<R>,
  ): Promise<R> {
    const session = await this.load(source);
    const result = await this.#requests.run(session, () => work(session));
    await this.commit(session);
    return result;
  }

  /** Tells whether a token leads to a session. */
  async exists(token: string): Promise<boolean> {
    return (await this.#engine.repository.load(token)).stored !== undefined;
  }

  /**
   * Removes what has expired from the store, which its background cleanup does as well.
   *
   * @returns how many records it removed; 0 for a store that expires records by itself.
   */
  async gc(): Promise<number> {
    const store = this.#store as Partial<ExpiringStore>;
    return isExpiring(store) ? cleanUp(store) : 0;
  }

  /**
   * Counts the live sessions of the manager's namespace; owners' lists are none. Reads the whole store.
   *
   * @throws TypeError if the store cannot list its records.
   */
  count(): Promise<number> {
    return this.#engine.inspection.count();
  }

  /**
   * Looks at one session without its token, by its handle.
   *
   * @param options `values`: whether to return its values as well.
   * @returns `undefined` if the handle leads to no live session.
   */
  inspect(
    handle: string,
    { values = false }: { values?: boolean } = {},
  ): Promise<InspectedSession<T, D> | undefined> {
    return this.#engine.inspection.find(handle, values) as Promise<InspectedSession<T, D> | undefined>;
  }

  /**
   * Looks at all live sessions of the manager's namespace, one after the other, with bounded memory.
   *
   * @param options `values`: whether to return their values as well.
   * @throws TypeError if the store cannot list its records.
   */
  inspectAll({ values = false }: { values?: boolean } = {}): AsyncIterableIterator<InspectedSession<T, D>> {
    return this.#engine.inspection.all(values) as AsyncIterableIterator<InspectedSession<T, D>>;
  }

  /**
   * Asks the store for a record that is not there: for health checks.
   *
   * @returns how long the store took to answer, in ms.
   * @throws StoreError if the store fails. SessionError `STORE_TIMEOUT` if it does not answer.
   */
  ping(): Promise<number> {
    return this.#engine.inspection.ping();
  }

  /**
   * Calls `work` with each session there is, one after the other, and commits what it changes or destroys. The
   * sessions have no token: the store does not know them. One that `owner` throws for goes to `onError` and is
   * passed over.
   *
   * @throws TypeError if the store cannot list its records.
   */
  async iterate(work: (session: Session<T>) => unknown): Promise<void> {
    const { repository, merge } = this.#engine;
    for await (const { state } of eachSession(this.#engine)) {
      const session = createSession<T>(state, merge);
      await work(session);
      if (repository.isChanged(state)) await this.commit(session);
    }
  }

  /**
   * Lists an owner's sessions, the one begun last first. Sessions that were saved before the manager had `owner`
   * come onto the list when they are used next, or by `reindex()`.
   */
  async list(owner: string): Promise<OwnedSession<D>[]> {
    const owners = this.#owners;
    const name = ownerName(owner);
    return name === undefined ? [] : ((await owners.list(name)) as OwnedSession<D>[]);
  }

  /**
   * Ends the session of a handle, for whoever is using it. It is for the app to know that it may: that the handle
   * is one of the user's own, by `list`.
   *
   * @returns whether there was such a session.
   */
  async revoke(handle: string): Promise<boolean> {
    const { inspection } = this.#engine;
    return inspection.isOfNobody(handle) ? inspection.endOfNobody(handle) : this.#owners.revoke(handle);
  }

  /**
   * Ends all sessions of an owner: when a password was changed, or for "log out everywhere". Those that are there
   * when it begins; log-ins that are under way at that moment fail. It knows the sessions that `list` knows.
   *
   * @param options `except`: the session, or its handle, that goes on, for "everywhere else".
   * @returns how many it ended.
   */
  async revokeAll(
    owner: string,
    { except }: { except?: Session<T> | string | undefined } = {},
  ): Promise<number> {
    const owners = this.#owners;
    const name = ownerName(owner);
    if (name === undefined) throw new TypeError("revokeAll needs an owner, such as the user's ID");
    return owners.revokeAll(name, [typeof except === "object" ? except.handle : except]);
  }

  /**
   * Puts each session on the list of its owner: once, when `owner` has been set or changed for a store that holds
   * sessions already, or when lists were lost. Reads the whole store.
   *
   * @returns how many sessions have an owner.
   * @throws TypeError if the store cannot list its records.
   */
  async reindex(): Promise<number> {
    return reindex(this.#engine, this.#owners);
  }

  /**
   * Calls `listener` with each event of that name. What it throws or rejects with goes to `onError`.
   *
   * @returns a function that ends it.
   */
  on<E extends SessionEventName>(name: E, listener: (event: SessionEvents[E]) => unknown): () => void {
    return this.#engine.events.on(name, listener);
  }

  get #owners(): OwnerSessions {
    const { owners } = this.#engine;
    if (owners !== undefined) return owners;
    throw new TypeError(
      "this manager does not know whose sessions are: give it owner, as in (data) => data.userId",
    );
  }
}

function isExpiring(store: Partial<ExpiringStore>): store is ExpiringStore {
  return typeof store.deleteExpired === "function";
}

/** Any other object, as a client may have put it into JSON in the place of a token, is a malformed token. */
function isRequest(source: unknown): source is RequestHead {
  return typeof (source as RequestHead | undefined | null)?.headers === "object";
}

/** @internal */
export { engineOf, reportTo, requestsOf };
