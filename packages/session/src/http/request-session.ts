import type { SessionRepository } from "../persistence/session-repository.js";
import { type Session, stateOf } from "../session.js";
import type { SessionEngine } from "../session-engine.js";
import { commitTracing, traced } from "../session-events.js";
import type { SessionState } from "../state/session-state.js";
import { isBackgroundRequest } from "./background-request.js";
import { ClientKnowledge, type ClientNews } from "./client-knowledge.js";
import { isSecure, type RequestHead } from "./http-request.js";
import type { EndpointAnswer, TokenHeader } from "./response-head.js";

/** Maximum number of saves per response while the app keeps changing the session. */
const MAX_COMMITS = 10;

/** The session of one request, and the token that its client has. */
export class RequestSession<T extends object> {
  readonly session: Session<T>;
  /** Whether a response already waits for it. */
  isHeld = false;
  readonly #state: SessionState;
  readonly #engine: SessionEngine;
  /** The request that tells whether the client used https: the framework's own, if there is one. */
  request: RequestHead;
  /** Whether a save is in progress or has failed, which the answer of the request handles. */
  #isSaveInHand = false;
  readonly #client: ClientKnowledge;

  constructor(session: Session<T>, request: RequestHead, engine: SessionEngine) {
    this.session = session;
    this.#state = stateOf(session);
    this.#engine = engine;
    this.request = request;
    this.#client = new ClientKnowledge(this.#state);
    const { clientNoteOf } = engine;
    if (clientNoteOf !== undefined) this.#state.describeClient = () => clientNoteOf(this.request);
  }

  /** Returns the answer to a request that was sent too early to prove its device; `undefined` if the app must answer. */
  retryOf(url: string | undefined): EndpointAnswer | undefined {
    return this.#state.bound?.doubt && this.#engine.deviceBound?.retryOf(this.#state, url);
  }

  get responseHeader(): string {
    return this.#engine.transport.responseHeader;
  }

  /** Returns whether there is anything to save, or the app is saving it. If not, the response leaves at once. */
  get isDue(): boolean {
    if (this.isChanged) return true;
    return this.#engine.repository.isUseDue(this.#state) && !isBackgroundRequest(this.request);
  }

  /** Returns whether there are changes since the headers were sent. */
  get isChanged(): boolean {
    return this.#engine.repository.isChanged(this.#state) || this.#isOwed;
  }

  /** Returns the news for the client after the save. */
  get news(): ClientNews | undefined {
    return this.#client.news(this.#state);
  }

  /** Returns whether there are news for the client, even if the app has committed the session itself. */
  get #isOwed(): boolean {
    return this.#state.turns.isBusy || this.news !== undefined;
  }

  async save(): Promise<void> {
    const { repository } = this.#engine;
    const state = this.#state;
    this.#isSaveInHand = true;
    await state.turns.run(() => commitNow(repository, state));
    // The app may continue while its response is held, but not for ever.
    for (let turn = 1; turn < MAX_COMMITS && repository.isChanged(state); turn++) {
      await state.turns.run(() => commitNow(repository, state));
    }
    this.#isSaveInHand = false;
  }

  /** Returns the response header that the client needs after the save, if any. */
  header(): string | undefined {
    const { transport, now } = this.#engine;
    return this.#client.header(this.#state, transport, now, () => this.#isSecure())?.value;
  }

  /** Returns the headers that accompany it. */
  moreHeaders(): readonly TokenHeader[] {
    return this.#engine.deviceBound?.headersFor(this.#state, this.request) ?? [];
  }

  /** Records that the client has got the header, or can no longer get it. */
  told(): void {
    this.#client.update(this.#state);
  }

  /** Saves the session of a request that will not be answered. Never rejects. */
  async saveUnsent(): Promise<void> {
    try {
      if (!this.#isSaveInHand && this.isDue) await this.save();
    } catch (error) {
      this.report(error as Error);
    }
  }

  /** Drops the changes, but still ends a destroyed session. */
  async drop(): Promise<void> {
    const { destroyed } = this.#state;
    this.close();
    if (destroyed === undefined) return;
    this.#state.values.reset();
    this.#state.merged = [];
    await this.#state.turns.run(() => commitNow(this.#engine.repository, this.#state));
  }

  get isClosed(): boolean {
    return this.#state.isClosed;
  }

  /** Makes every further change of the session an error, because the headers were sent. */
  close(): void {
    this.#state.isClosed = true;
  }

  report(error: Error): void {
    this.#engine.onError(error);
  }

  /** Returns whether the client used https. If the app cannot tell, assumes it, so that the cookie stays `Secure`. */
  #isSecure(): boolean {
    try {
      return isSecure(this.request, this.#engine.trustProxy);
    } catch (error) {
      this.report(error as Error);
      return true;
    }
  }
}

/** Commits the session, in its turn. */
export function commitNow(repository: SessionRepository, state: SessionState): Promise<void> {
  return traced(commitTracing, () => repository.commit(state));
}
