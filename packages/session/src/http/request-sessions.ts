import { AsyncLocalStorage } from "node:async_hooks";
import { hasTokenForm } from "../persistence/session-token.js";
import { createSession, type Session } from "../session.js";
import type { SessionEngine } from "../session-engine.js";
import { SessionError } from "../session-error.js";
import { loadTracing, traced } from "../session-events.js";
import type { SessionState } from "../state/session-state.js";
import { adviceForRequest } from "./framework-advice.js";
import { headerOf, type RequestHead } from "./http-request.js";
import { RequestSession } from "./request-session.js";
import type { EndpointAnswer } from "./response-head.js";
import { prepareToExtend } from "./unshared-class.js";

/** Maximum number of tokens looked up per request, and of malformed ones reported. */
const MAX_TOKENS = 4;

type Slots<T extends object> = Record<symbol, RequestSession<T> | undefined>;

/** The sessions of requests in flight. */
export class RequestSessions<T extends object> {
  readonly #engine: SessionEngine;
  /** The property of a request with its session. A WeakMap would cost the garbage collector more. */
  readonly #slot: symbol = Symbol("session");
  readonly #context: AsyncLocalStorage<Session<T>> | undefined;
  /** The current request, for handlers of `Request`, which frameworks copy. */
  #answered: AsyncLocalStorage<RequestSession<T>> | undefined;

  constructor(engine: SessionEngine, hasContext: boolean) {
    this.#engine = engine;
    this.#context = hasContext ? new AsyncLocalStorage() : undefined;
  }

  /** Returns the session of a request. */
  get(request: object): Session<T> {
    if (typeof request !== "object" || request === null)
      throw new TypeError(`sessions.get(request) needs a request, got ${String(request)}`);
    const opened = this.opened(request);
    if (opened === undefined)
      throw new Error(`this request has no session yet: ${adviceForRequest(request)}`);
    return opened.session;
  }

  /** Returns the opened session of a request, if any. */
  opened(request: object): RequestSession<T> | undefined {
    return (request as Slots<T>)[this.#slot] ?? this.#openedForCopy(request);
  }

  /** Returns the opened session of the original of a copied request, which has the same tokens. */
  #openedForCopy(request: object): RequestSession<T> | undefined {
    const opened = this.#answered?.getStore();
    if (opened === undefined || !("headers" in request)) return undefined;
    const { requestHeader } = this.#engine.transport;
    const isCopy =
      headerOf(request as RequestHead, requestHeader) === headerOf(opened.request, requestHeader) ||
      this.tokensOf(request as RequestHead).join() === this.tokensOf(opened.request).join();
    return isCopy ? opened : undefined;
  }

  /** Runs `work`, which answers a request, so that copies of the request have its session as well. */
  runFor<R>(opened: RequestSession<T>, work: () => R): R {
    this.#answered ??= new AsyncLocalStorage();
    return this.#answered.run(opened, () => this.run(opened.session, work));
  }

  /** Assigns the session of a request to another object with which a framework represents it. */
  alias(other: object, request: object): void {
    const opened = this.opened(request);
    if (opened === undefined) return;
    (other as Slots<T>)[this.#slot] = opened;
    opened.request = other as RequestHead;
  }

  /** Loads the session of a request, synchronously if it has no token. */
  open(request: RequestHead): RequestSession<T> | Promise<RequestSession<T>> {
    const opened = this.opened(request);
    // Not a closed one of another request: a job may make requests long after the response to the request that began it.
    if (opened !== undefined && (!opened.isClosed || this.#slot in request)) return opened;
    const tokens = this.tokensOf(request);
    if (tokens.length === 0) return this.attach(request, this.#engine.repository.begin());
    return traced(loadTracing, async () => this.attach(request, await this.#load(tokens, request)));
  }

  /** Loads the session of a request whose token was not in the cookie or header. */
  async openAs(request: RequestHead, token: string): Promise<RequestSession<T>> {
    return this.attach(request, await this.load([token], request));
  }

  tokensOf(request: RequestHead): readonly string[] {
    const { transport } = this.#engine;
    const header = headerOf(request, transport.requestHeader);
    return header === undefined ? [] : transport.read(header);
  }

  /** Loads the session of the first token that has one, or creates a new session. */
  load(tokens: readonly string[], request: object | undefined): Promise<SessionState> {
    return traced(loadTracing, () => this.#load(tokens, request));
  }

  #load(tokens: readonly string[], request: object | undefined): Promise<SessionState> {
    const [token] = tokens;
    return tokens.length === 1 && hasTokenForm(token)
      ? this.#loadOne(token, request) // the usual case
      : this.#loadFirst(tokens, request);
  }

  #loadOne(token: string, request: object | undefined): Promise<SessionState> {
    const onUnknown = () => this.#emitUnknown(false, request);
    return this.#engine.repository.load(token, this.#boundCookiesOf(request), onUnknown);
  }

  async #loadFirst(tokens: readonly string[], request: object | undefined): Promise<SessionState> {
    const distinct = [...new Set(tokens)];
    const candidates = distinct.filter(hasTokenForm).slice(0, MAX_TOKENS);
    const malformed = distinct.filter((token) => !hasTokenForm(token)).slice(0, MAX_TOKENS);
    for (const _ of malformed) this.#emitUnknown(true, request);
    let state: SessionState | undefined;
    for (const [at, token] of candidates.entries()) {
      state = await this.#loadOne(token, request);
      if (state.stored === undefined) continue;
      state.otherTokens = candidates.slice(at + 1); // looked up only if this session is destroyed
      return state;
    }
    return state ?? this.#engine.repository.begin();
  }

  #boundCookiesOf(request: object | undefined): (() => readonly string[]) | undefined {
    const { deviceBound } = this.#engine;
    if (deviceBound === undefined || request === undefined) return undefined;
    return () => deviceBound.endpoints.boundCookiesOf(request as RequestHead);
  }

  /** Answers a browser's request to bind a session to its device; `undefined` for all other requests. */
  answerOf(
    request: RequestHead,
    method: string | undefined,
    url: string | undefined,
  ): Promise<EndpointAnswer> | undefined {
    const endpoints = this.#engine.deviceBound?.endpoints;
    if (url === undefined || endpoints?.isFor(method, url) !== true) return undefined;
    return endpoints.answer(url, request);
  }

  #emitUnknown(isMalformed: boolean, request: object | undefined): void {
    this.#engine.events.emit("unknown", () => ({ isMalformed, remoteAddress: addressOf(request) }));
  }

  /** Runs `work`, in which `current()` returns the session. */
  run<R>(session: Session<T>, work: () => R): R {
    return this.#context === undefined ? work() : this.#context.run(session, work);
  }

  current(): Session<T> {
    const session = this.#context?.getStore();
    if (session !== undefined) return session;
    throw new SessionError(
      "NO_CONTEXT",
      this.#context === undefined
        ? "current() needs a manager with asyncContext: true"
        : "current() was called outside of a request: let sessions.middleware() handle it first",
    );
  }

  /** Creates the session of a request from its state. */
  attach(request: object, state: SessionState): RequestSession<T> {
    const other = (request as Slots<T>)[this.#slot]; // another caller may have been faster
    if (other !== undefined) return other;
    this.#engine.deviceBound?.attach(state, request as RequestHead);
    const opened = new RequestSession(
      createSession<T>(state, this.#engine.merge),
      request as RequestHead,
      this.#engine,
    );
    prepareToExtend(request);
    (request as Slots<T>)[this.#slot] = opened;
    return opened;
  }
}

/** Returns the remote address of a request; `undefined` if the connection is gone, where `node:http2` throws. */
function addressOf(request: object | undefined): string | undefined {
  try {
    return (request as { socket?: { remoteAddress?: string } } | undefined)?.socket?.remoteAddress;
  } catch {
    return undefined;
  }
}
