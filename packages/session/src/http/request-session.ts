import type { SessionRepository } from "../persistence/session-repository.js";
import { type Session, stateOf } from "../session.js";
import type { SessionEngine } from "../session-engine.js";
import { commitTracing, traced } from "../session-events.js";
import type { SessionState } from "../state/session-state.js";
import { isBackgroundRequest } from "./background-request.js";
import { ClientKnowledge, type ClientNews } from "./client-knowledge.js";
import { isSecure, type RequestHead } from "./http-request.js";
import type { EndpointAnswer, TokenHeader } from "./response-head.js";

/** How often one response waits for a session that the app keeps changing. */
const MAX_COMMITS = 10;

/** The session of one request, and what the client that sent it knows of it. */
export class RequestSession<T extends object> {
  readonly session: Session<T>;
  /** Whether a response waits for it already. */
  isHeld = false;
  readonly #state: SessionState;
  readonly #engine: SessionEngine;
  /** What is asked how the client came: the framework's own request, if it has one. */
  request: RequestHead;
  /** Whether a save is under way, or has failed: whoever answers the request has it in hand. */
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

  /** The answer to a request that was only sent too early to prove its device; `undefined` if the app is to answer. */
  retryOf(url: string | undefined): EndpointAnswer | undefined {
    return this.#state.bound?.doubt && this.#engine.deviceBound?.retryOf(this.#state, url);
  }

  get responseHeader(): string {
    return this.#engine.transport.responseHeader;
  }

  /** Whether there is anything to save, or being saved by the app; if not, the response leaves at once. */
  get isDue(): boolean {
    if (this.isChanged) return true;
    return this.#engine.repository.isUseDue(this.#state) && !isBackgroundRequest(this.request);
  }

  /** Whether there is anything to save that was not there when the headers were sent. */
  get isChanged(): boolean {
    return this.#engine.repository.isChanged(this.#state) || this.#isOwed;
  }

  /** What the client is to be told, by what is saved. */
  get news(): ClientNews | undefined {
    return this.#client.news(this.#state);
  }

  /** Whether the client is to be told something, be it that the app has committed the session itself. */
  get #isOwed(): boolean {
    return this.#state.turns.isBusy || this.news !== undefined;
  }

  async save(): Promise<void> {
    const { repository } = this.#engine;
    const state = this.#state;
    this.#isSaveInHand = true;
    await state.turns.run(() => commitNow(repository, state));
    // The app may go on while its response is held; but not for ever.
    for (let turn = 1; turn < MAX_COMMITS && repository.isChanged(state); turn++) {
      await state.turns.run(() => commitNow(repository, state));
    }
    this.#isSaveInHand = false;
  }

  /** Returns the response header that the client needs by what is saved, if any. */
  header(): string | undefined {
    const { transport, now } = this.#engine;
    return this.#client.header(this.#state, transport, now, () => this.#isSecure())?.value;
  }

  /** Returns what goes with that header. */
  moreHeaders(): readonly TokenHeader[] {
    return this.#engine.deviceBound?.headersFor(this.#state, this.request) ?? [];
  }

  /** Notes that the client is told, or can be no more. */
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

  /** Drops what was changed; a session that was destroyed is ended all the same. */
  async drop(): Promise<void> {
    const { destroyed } = this.#state;
    this.close();
    if (destroyed === undefined) return;
    this.#state.values.reset();
    this.#state.merged = [];
    await this.#state.turns.run(() => commitNow(this.#engine.repository, this.#state));
  }

  /** Notes that the headers have been sent: from now on, what changes the session is an error. */
  close(): void {
    this.#state.isClosed = true;
  }

  report(error: Error): void {
    this.#engine.onError(error);
  }

  /** Whether the client asked by https. If the app cannot say, its cookie is kept from plain http. */
  #isSecure(): boolean {
    try {
      return isSecure(this.request, this.#engine.trustProxy);
    } catch (error) {
      this.report(error as Error);
      return true;
    }
  }
}

/** Carries out what was asked of the session, in its turn. */
export function commitNow(repository: SessionRepository, state: SessionState): Promise<void> {
  return traced(commitTracing, () => repository.commit(state));
}
