import type { Saving } from "./http/held-response.js";
import { holdResponse } from "./http/held-response.js";
import type { RequestHead } from "./http/http-request.js";
import { commitNow, type RequestSession } from "./http/request-session.js";
import type { RequestSessions } from "./http/request-sessions.js";
import { prepareToExtend } from "./http/unshared-class.js";
import { beginOrJoin, type DerivedSession, reload } from "./persistence/derived-session.js";
import { type Session, stateOf } from "./session.js";
import type { SessionEngine } from "./session-engine.js";
import { engineOf, requestsOf, type SessionManager } from "./session-manager.js";
import type { SessionState } from "./state/session-state.js";

export type { ClientNews } from "./http/client-knowledge.js";
export type { DerivedSession } from "./persistence/derived-session.js";
export { holdResponse, prepareToExtend, type Saving };

/** What a package needs of a manager to give requests another interface to their sessions than `Session`. */
export class SessionIntegration<T extends object> {
  readonly #requests: RequestSessions<T>;
  readonly #engine: SessionEngine;

  constructor(manager: SessionManager<T>) {
    this.#requests = requestsOf(manager);
    this.#engine = engineOf(manager);
  }

  /**
   * Loads the session of the first token that has one; a new session if none has, at once if there is no token.
   * `manager.get(request)` returns it as well.
   *
   * @throws StoreError if the store fails.
   */
  open(
    request: RequestHead,
    tokens: readonly string[],
  ): IntegratedSession<T> | Promise<IntegratedSession<T>> {
    const opened = this.#requests.opened(request);
    if (opened !== undefined) return this.#wrap(opened);
    if (tokens.length === 0) return this.#attach(request, this.#engine.repository.begin());
    return this.#requests.load(tokens, request).then((state) => this.#attach(request, state));
  }

  /**
   * Begins a session under a derived ID, or joins the one that another request has begun.
   *
   * @returns `undefined` if that session has ended.
   */
  async openDerived(
    request: RequestHead,
    derived: DerivedSession,
  ): Promise<IntegratedSession<T> | undefined> {
    const state = await beginOrJoin(this.#engine.repository, this.#engine.records, derived);
    return state && this.#attach(request, state);
  }

  /** Notes an ID in the store, beside the sessions, until `expiry`. */
  async mark(id: string, expiry: Date): Promise<void> {
    await this.#engine.records.bar(id, expiry);
  }

  /** Tells whether an ID was noted, or is that of a session. */
  isMarked(id: string): Promise<boolean> {
    return this.#engine.records.isOccupied(id);
  }

  /** Runs `work` so that `manager.current()` gives the session in it. */
  run<R>({ session }: IntegratedSession<T>, work: () => R): R {
    return this.#requests.run(session, work);
  }

  #attach(request: RequestHead, state: SessionState): IntegratedSession<T> {
    return this.#wrap(this.#requests.attach(request, state));
  }

  #wrap(opened: RequestSession<T>): IntegratedSession<T> {
    return new IntegratedSession(opened, this.#engine);
  }
}

/** The session of one request. */
export class IntegratedSession<T extends object> {
  readonly session: Session<T>;
  /** Saves the session and tells the client, as the manager's middleware does: for `holdResponse`, as it is or in part. */
  readonly saving: Saving & Pick<RequestSession<T>, "news">;
  readonly #state: SessionState;
  readonly #engine: SessionEngine;

  /** Integrated sessions come from a `SessionIntegration`. */
  constructor(opened: RequestSession<T>, engine: SessionEngine) {
    this.session = opened.session;
    this.saving = opened;
    this.#state = stateOf(opened.session);
    this.#engine = engine;
  }

  /** The token that leads to the stored session; `undefined` if none is stored. */
  get storedToken(): string | undefined {
    return this.#state.storedToken;
  }

  /** When the store drops the session, if nobody uses it; `undefined` if none is stored. */
  get expiry(): Date | undefined {
    return this.#state.stored?.record.expiry;
  }

  /** Lists the values. Unlike those of `session.get`, objects that are changed in place are not noticed. */
  values(): Iterable<[key: string, value: unknown]> {
    return this.#state.values.entries();
  }

  /**
   * Saves what was changed.
   *
   * @throws StoreError, SessionError, as `manager.commit`.
   */
  commit(): Promise<void> {
    return this.#state.turns.run(() => commitNow(this.#engine.repository, this.#state));
  }

  /** Ends the session, also when the headers have been sent. Values that are set afterwards begin a new one. */
  end(): Promise<void> {
    this.#state.destroy(true);
    return this.commit();
  }

  /**
   * Drops what was changed, and loads the session once more.
   *
   * @returns whether it is there.
   */
  reload(): Promise<boolean> {
    const { records, now } = this.#engine;
    return this.#state.turns.run(() => reload(records, this.#state, now()));
  }
}
