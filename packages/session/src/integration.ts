import type { ClientNews } from "./http/client-knowledge.js";
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
import { storedTokenOf } from "./state/session-names.js";
import type { SessionState } from "./state/session-state.js";

export type { DerivedSession } from "./persistence/derived-session.js";
export type { ClientNews };
export { holdResponse, prepareToExtend, type Saving };

/** Access to a manager, for packages with an interface to sessions other than `Session`. */
export class SessionIntegration<T extends object> {
  readonly #requests: RequestSessions<T>;
  readonly #engine: SessionEngine;

  constructor(manager: SessionManager<T>) {
    this.#requests = requestsOf(manager);
    this.#engine = engineOf(manager);
  }

  /**
   * Loads the session of the first token that has one, or creates a new session. Then `manager.get(request)` returns it
   * as well.
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
   * Begins a session under a derived ID, or joins the session that another request has begun under it.
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

  /** Stores an ID beside the sessions until `expiry`. */
  async mark(id: string, expiry: Date): Promise<void> {
    await this.#engine.records.bar(id, expiry);
  }

  /** Returns whether an ID is stored, or is that of a session. */
  isMarked(id: string): Promise<boolean> {
    return this.#engine.records.isOccupied(id);
  }

  /** Runs `work`, in which `manager.current()` returns the session. */
  run<R>({ session }: IntegratedSession<T>, work: () => R): R {
    return this.#requests.run(session, work);
  }

  #attach(request: RequestHead, state: SessionState): IntegratedSession<T> {
    return this.#wrap(this.#requests.attach(request, state));
  }

  #wrap(opened: RequestSession<T>): IntegratedSession<T> {
    return integrate(opened, this.#engine);
  }
}

/** @internal */
let integrate: <T extends object>(opened: RequestSession<T>, engine: SessionEngine) => IntegratedSession<T>;

/** The session of one request. */
export class IntegratedSession<T extends object> {
  readonly session: Session<T>;
  /** Saves the session and sets its cookie, as the manager's middleware does. Pass it to `holdResponse`. */
  readonly saving: Saving & { readonly news: ClientNews | undefined };
  readonly #state: SessionState;
  readonly #engine: SessionEngine;

  static {
    integrate = (opened, engine) => new IntegratedSession(opened, engine);
  }

  /** Only a `SessionIntegration` creates integrated sessions. */
  private constructor(opened: RequestSession<T>, engine: SessionEngine) {
    this.session = opened.session;
    this.saving = opened;
    this.#state = stateOf(opened.session);
    this.#engine = engine;
  }

  /** The token of the stored session; `undefined` if none is stored. */
  get storedToken(): string | undefined {
    return storedTokenOf(this.#state);
  }

  /** Time when the store drops the session if it is not used again; `undefined` if none is stored. */
  get expiry(): Date | undefined {
    return this.#state.stored?.record.expiry;
  }

  /** Lists the values. Unlike with `session.get`, changes of these objects in place are not detected. */
  values(): Iterable<[key: string, value: unknown]> {
    return this.#state.values.entries();
  }

  /**
   * Saves the changes.
   *
   * @throws StoreError, SessionError, as `manager.commit`.
   */
  commit(): Promise<void> {
    return this.#state.turns.run(() => commitNow(this.#engine.repository, this.#state));
  }

  /** Ends the session, even after the headers were sent. Values that are set afterwards begin a new one. */
  end(): Promise<void> {
    this.#state.destroy(true);
    return this.commit();
  }

  /**
   * Drops the changes, and loads the session again.
   *
   * @returns whether the session still exists.
   */
  reload(): Promise<boolean> {
    const { records, now } = this.#engine;
    return this.#state.turns.run(() => reload(records, this.#state, now()));
  }
}
