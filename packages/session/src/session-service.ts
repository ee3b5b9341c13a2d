import type { AtomicStore, ExpiringStore, IterableStore } from "@scs/core";
import type { RequestHead } from "./http/http-request.js";
import { commitNow, headerFor } from "./http/request-session.js";
import { RequestSessions } from "./http/request-sessions.js";
import { SessionCookie } from "./http/session-cookie.js";
import type { SessionManagerOptions } from "./manager-options.js";
import type { OwnedSession, OwnerLists } from "./owners/owner-lists.js";
import { type RenewOptions, Session, type SessionOwner, stateOf } from "./session.js";
import { buildEngine, type SessionEngine } from "./session-engine.js";
import type { SessionEventName, SessionEvents } from "./session-events.js";

/** What a manager does with sessions, apart from answering requests. */
export abstract class SessionService<T extends object, D> {
  readonly #engine: SessionEngine;
  readonly #sessionOwner: SessionOwner;
  /** @internal */
  protected readonly requests: RequestSessions<T>;

  constructor(options: SessionManagerOptions<T, D>) {
    const engine = buildEngine(options);
    const { repository, lists, store } = engine;
    this.#engine = engine;
    this.#sessionOwner = {
      merge: (state, token) => repository.merge(state, token),
      handleOf: ({ owner, meta }) => lists?.handleOf(owner, meta?.id),
    };
    this.requests = new RequestSessions(engine, this.#sessionOwner, options.asyncContext === true);
    if (typeof (store as Partial<AtomicStore>).replace === "function") return;
    process.emitWarning(
      "the session store has no replace(): parallel requests may lose changes, and a late save may bring an ended session back",
      { type: "SessionManager", code: "SCS_NOT_ATOMIC" },
    );
  }

  /** The name of the cookie that carries the token; empty with another transport. */
  get cookieName(): string {
    const { transport } = this.#engine;
    return transport instanceof SessionCookie ? transport.name : "";
  }

  /** The session of a request that has passed the middleware. For a framework's, its own request object will do. */
  get(request: object): Session<T> {
    return this.requests.get(request);
  }

  /**
   * The session of the request that is being answered, wherever this is called from: for code that the request
   * is not passed to. Needs `asyncContext: true`.
   *
   * @throws SessionError `NO_CONTEXT` outside of a request.
   */
  current(): Session<T> {
    return this.requests.current();
  }

  /**
   * Gives the session that a token leads to, or the one of the tokens that a request brings, such as that of a
   * WebSocket; a new and empty one if that is none: unknown, expired, ended or malformed. A token that the store
   * does not know is never adopted.
   *
   * @throws StoreError if the store fails.
   */
  async load(source: string | RequestHead | undefined): Promise<Session<T>> {
    const isRequest = typeof source === "object" && source !== null;
    const tokens = isRequest ? this.requests.tokensOf(source) : source === undefined ? [] : [source];
    const state = await this.requests.load(tokens, isRequest ? source : undefined);
    return new Session<T>(state, this.#sessionOwner);
  }

  /**
   * Carries out what was asked of the session: saves changes, renews, destroys. Does nothing to the store if
   * there is nothing to do. A session that another request has ended meanwhile is not brought back: its
   * `status` is `destroyed` then, and its changes are dropped.
   *
   * @returns the response header (`Set-Cookie`) that tells the client its new token or takes the old one from it,
   *   if any.
   * @throws StoreError if the store fails. SessionError `INVALID_VALUE`, `TOO_LARGE`, `CONFLICT`.
   */
  commit(session: Session<T>): Promise<string | undefined> {
    const { repository, transport, now } = this.#engine;
    const state = stateOf(session);
    return state.inTurn(async () => {
      const token = state.destroyed === undefined ? state.token : state.destroyed.token;
      const revision = state.savedRevision;
      await commitNow(repository, state);
      return headerFor(state, token, revision, transport, now, () => true);
    });
  }

  /** Gives the session a new token at once, and saves it; see `commit` for what it gives. */
  renew(session: Session<T>, options?: RenewOptions): Promise<string | undefined> {
    session.renew(options);
    return this.commit(session);
  }

  /**
   * Runs `work` on the session that a token leads to, with `current()` known in it, and commits it: for jobs and
   * WebSockets. If `work` fails, nothing is committed.
   *
   * @returns what `work` gives.
   */
  async use<R>(
    source: string | RequestHead | undefined,
    work: (session: Session<T>) => R | Promise<R>,
  ): Promise<R> {
    const session = await this.load(source);
    const result = await this.requests.run(session, () => work(session));
    await this.commit(session);
    return result;
  }

  /** Whether a token leads to a session. */
  async exists(token: string): Promise<boolean> {
    return (await this.#engine.repository.load(token)).stored !== undefined;
  }

  /**
   * Removes what has expired from the store, which its background cleanup does as well.
   *
   * @returns how many records it removed; 0 for a store that expires records by itself.
   */
  async gc(): Promise<number> {
    return (await (this.#engine.store as Partial<ExpiringStore>).deleteExpired?.()) ?? 0;
  }

  /**
   * Calls `work` with each session there is, one after the other, and commits what it changes or destroys. The
   * sessions have no token: the store does not know them.
   *
   * @throws TypeError if the store cannot list its records.
   */
  async iterate(work: (session: Session<T>) => unknown): Promise<void> {
    const { store, records, repository, namespace, now } = this.#engine;
    const entries = (store as Partial<IterableStore>).entries?.();
    if (entries === undefined) throw new TypeError("iterate() needs a store with entries()");
    for await (const { token: key, ...record } of entries) {
      const content = records.isSession(key) ? records.decode(record.data) : undefined;
      const isOurs = content?.meta.next === undefined && (content?.meta.space ?? "") === namespace;
      if (content === undefined || !isOurs || content.deadline <= now()) continue;
      const session = new Session<T>(repository.adopt({ key, record, content }), this.#sessionOwner);
      await work(session);
      if (repository.isChanged(stateOf(session))) await this.commit(session);
    }
  }

  /** Gives an owner's sessions, the one begun last first. */
  list(owner: string): Promise<OwnedSession<D>[]> {
    return this.#lists.list(owner) as Promise<OwnedSession<D>[]>;
  }

  /**
   * Ends the session of a handle, for whoever is using it. It is for the app to know that it may: that the handle
   * is one of the user's own, by `list`.
   *
   * @returns whether there was such a session.
   */
  async revoke(handle: string): Promise<boolean> {
    return this.#lists.revoke(handle);
  }

  /**
   * Ends all sessions of an owner: when a password was changed, or for "log out everywhere".
   *
   * @param options `except`: the session, or its handle, that goes on, for "everywhere else".
   * @returns how many it ended.
   */
  async revokeAll(
    owner: string,
    { except }: { except?: Session<T> | string | undefined } = {},
  ): Promise<number> {
    return this.#lists.revokeAll(owner, [typeof except === "object" ? except.handle : except]);
  }

  /**
   * Calls `listener` with each event of that name. What it throws or rejects with goes to `onError`.
   *
   * @returns what ends it.
   */
  on<E extends SessionEventName>(name: E, listener: (event: SessionEvents[E]) => unknown): () => void {
    return this.#engine.events.on(name, listener);
  }

  /** @internal */
  protected report(error: Error): void {
    this.#engine.onError(error);
  }

  get #lists(): OwnerLists {
    const { lists } = this.#engine;
    if (lists !== undefined) return lists;
    throw new TypeError(
      "this manager does not know whose sessions are: give it owner, as in (data) => data.userId",
    );
  }
}
