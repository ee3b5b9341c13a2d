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
import { sessionTokenOf } from "./state/session-names.js";

/** @internal */
let requestsOf: <T extends object, D>(manager: SessionManager<T, D>) => RequestSessions<T>;
/** @internal */
let engineOf: <T extends object, D>(manager: SessionManager<T, D>) => SessionEngine;
/** @internal */
let reportTo: <T extends object, D>(manager: SessionManager<T, D>, error: Error) => void;

/**
 * Manages the sessions of visitors. `T` is the type of their values, `D` the type of their descriptions in `list`:
 *
 *     const sessions = new SessionManager<{ userId: string }>({ store: new MemStore() });
 *
 * Over an `AtomicStore`, parallel requests that change different keys of one session keep all their changes (for one key,
 * the last wins), and no late save brings back an ended session. Over a plain `Store`, the last save wins as a whole, and
 * the manager emits one warning.
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

  /** @throws TypeError or RangeError if an option cannot work, with advice. */
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

  /** The manager's store. An accessor, so that printing the manager does not print records. */
  get store(): Store {
    return this.#store;
  }

  /** The name of the cookie that carries the token; empty with another transport. */
  get cookieName(): string {
    const { transport } = this.#engine;
    return transport instanceof SessionCookie ? transport.name : "";
  }

  /**
   * Returns a middleware for `node:http`, `node:http2`, Connect and Express. It loads the session before the app sees the
   * request, and saves it before the first byte of the response leaves. A failing store becomes a 500, never an empty
   * session. If `next` takes an argument and the app has not answered yet, it gets the error.
   */
  middleware(): Middleware {
    if (!(this instanceof SessionManager))
      throw new TypeError("middleware must be called: app.use(sessions.middleware())");
    return nodeMiddleware(this.#requests, this.#engine.onError);
  }

  /** Returns the session of a request that has passed the middleware. Accepts a framework's own request object. */
  get(request: object): Session<T> {
    return this.#requests.get(request);
  }

  /**
   * Returns the session of the current request, for code without access to the request. Needs `asyncContext: true`.
   *
   * @throws SessionError `NO_CONTEXT` outside of a request.
   */
  current(): Session<T> {
    return this.#requests.current();
  }

  /**
   * Loads the session of a request without middleware, and holds the response until the session is saved.
   *
   * @param options `token`: a token that the client sent outside of the manager's cookie or header, for example in a body.
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
   * Loads the session of a token, or of a request such as the upgrade request of a WebSocket. Returns a new, empty session
   * if the token is unknown, expired, ended or malformed. An unknown token never becomes a session.
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
   * Executes the pending operations of the session: saves changes, renews, destroys. Without any, makes no store call. If
   * another request has ended the session meanwhile, its changes are dropped, and its `status` is `destroyed`.
   *
   * @returns The response header that sets or clears the client's token, if any.
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
   * Returns the response header that sets the session's token, or clears it if the session has ended, even if the client
   * already got it. For frameworks that set a cookie at each change.
   */
  tokenHeader(session: Session<T>): TokenHeader {
    const { transport, now } = this.#engine;
    const state = stateOf(session);
    const token = sessionTokenOf(state);
    const isGiven = token !== undefined && (state.stored !== undefined || state.isChanged());
    const news: ClientNews = isGiven ? { kind: "give", token } : { kind: "take" };
    return headerFor(news, state, transport, now, () => true);
  }

  /**
   * Extends the idle timeout of a session, for code that loads sessions without a response, such as a proxy of Next.js.
   * Ignores prefetches.
   *
   * @throws StoreError if the store fails.
   */
  async touch(source: string | RequestHead): Promise<void> {
    if (!this.#engine.hasIdleTimeout || (isRequest(source) && isBackgroundRequest(source))) return;
    await this.commit(await this.load(source));
  }

  /** Issues a new token and saves the session at once. Returns the header, as `commit` does. */
  renew(session: Session<T>, options?: RenewOptions): Promise<TokenHeader | undefined> {
    session.renew(options);
    return this.commit(session);
  }

  /** Issues a new token for the session of a request, and saves it at once. The response gets its cookie. */
  async regenerate(req: IncomingMessage, res: ServerResponse, options?: RenewOptions): Promise<Session<T>> {
    const session = await this.start(req, res);
    await this.renew(session, options);
    return session;
  }

  /**
   * Ends a session at once, even after the headers were sent.
   *
   * @returns The header, as `commit` does. If a request is passed, its response gets the header.
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
   * Runs `work` with the session of a token and commits it, for jobs and WebSockets. `current()` works inside. If `work`
   * fails, nothing is committed.
   *
   * @returns The result of `work`.
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

  /** Returns whether a token has a live session. */
  async exists(token: string): Promise<boolean> {
    return (await this.#engine.repository.load(token)).stored !== undefined;
  }

  /**
   * Removes expired records from the store, as its background cleanup does.
   *
   * @returns The number of removed records; 0 for a store that expires records by itself.
   */
  async gc(): Promise<number> {
    const store = this.#store as Partial<ExpiringStore>;
    return isExpiring(store) ? cleanUp(store) : 0;
  }

  /**
   * Counts the live sessions of the manager's namespace, without owners' lists. Reads the whole store.
   *
   * @throws TypeError if the store cannot list its records.
   */
  count(): Promise<number> {
    return this.#engine.inspection.count();
  }

  /**
   * Describes one session by its handle, without its token.
   *
   * @param options `values`: whether to include its values.
   * @returns `undefined` if there is no live session with this handle.
   */
  inspect(
    handle: string,
    { values = false }: { values?: boolean } = {},
  ): Promise<InspectedSession<T, D> | undefined> {
    return this.#engine.inspection.find(handle, values) as Promise<InspectedSession<T, D> | undefined>;
  }

  /**
   * Describes all live sessions of the manager's namespace, one by one, with bounded memory.
   *
   * @param options `values`: whether to include their values.
   * @throws TypeError if the store cannot list its records.
   */
  inspectAll({ values = false }: { values?: boolean } = {}): AsyncIterableIterator<InspectedSession<T, D>> {
    return this.#engine.inspection.all(values) as AsyncIterableIterator<InspectedSession<T, D>>;
  }

  /**
   * Reads a record that does not exist, for health checks.
   *
   * @returns The duration of the store call in ms.
   * @throws StoreError if the store fails. SessionError `STORE_TIMEOUT` if it does not answer.
   */
  ping(): Promise<number> {
    return this.#engine.inspection.ping();
  }

  /**
   * Calls `work` with each session, one by one, and commits what it changes or destroys. The sessions have no token, because
   * the store does not have them. If `owner` throws for a session, the session is skipped, and `onError` is called.
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
   * Lists an owner's sessions, the newest first. Sessions that were saved before the manager had `owner` are listed after
   * their next use, or after `reindex()`.
   */
  async list(owner: string): Promise<OwnedSession<D>[]> {
    const owners = this.#owners;
    const name = ownerName(owner);
    return name === undefined ? [] : ((await owners.list(name)) as OwnedSession<D>[]);
  }

  /**
   * Ends the session of a handle, for all its clients. The app must check that the handle is in the user's own `list`.
   *
   * @returns Whether there was such a session.
   */
  async revoke(handle: string): Promise<boolean> {
    const { inspection } = this.#engine;
    return inspection.isOfNobody(handle) ? inspection.endOfNobody(handle) : this.#owners.revoke(handle);
  }

  /**
   * Ends all sessions of an owner that `list` returns, for a changed password or "log out everywhere". Log-ins in flight fail.
   *
   * @param options `except`: a session, or its handle, to keep, for "log out everywhere else".
   * @returns The number of ended sessions.
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
   * Adds each session to the list of its owner. Call it once after adding or changing `owner` on a store that holds sessions,
   * or after lists were lost. Reads the whole store.
   *
   * @returns The number of sessions with an owner.
   * @throws TypeError if the store cannot list its records.
   */
  async reindex(): Promise<number> {
    return reindex(this.#engine, this.#owners);
  }

  /**
   * Calls `listener` with each event of this name. Its errors and rejections go to `onError`.
   *
   * @returns A function that unsubscribes.
   */
  on<E extends SessionEventName>(name: E, listener: (event: SessionEvents[E]) => unknown): () => void {
    return this.#engine.events.on(name, listener);
  }

  get #owners(): OwnerSessions {
    const { owners } = this.#engine;
    if (owners !== undefined) return owners;
    throw new TypeError(
      "this manager does not know the owners of sessions: set the option owner, as in (data) => data.userId",
    );
  }
}

function isExpiring(store: Partial<ExpiringStore>): store is ExpiringStore {
  return typeof store.deleteExpired === "function";
}

/** Treats any other object as a malformed token: a client may send one in JSON. */
function isRequest(source: unknown): source is RequestHead {
  return typeof (source as RequestHead | undefined | null)?.headers === "object";
}

/** @internal */
export { engineOf, reportTo, requestsOf };
