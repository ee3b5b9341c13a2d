import type { SessionRepository } from "../persistence/session-repository.js";
import { type Session, stateOf } from "../session.js";
import type { SessionEngine } from "../session-engine.js";
import { commitTracing, traced } from "../session-events.js";
import type { SessionState } from "../state/session-state.js";
import { isSecure, type RequestHead } from "./http-request.js";
import type { TokenTransport } from "./token-transport.js";

/** How often one response waits for a session that the app keeps changing. */
const MAX_COMMITS = 10;

/** The session of one request, and what the client that sent it has been told of it. */
export class RequestSession<T extends object> {
  readonly session: Session<T>;
  /** Whether a response waits for it already. */
  isHeld = false;
  readonly #state: SessionState;
  readonly #home: SessionEngine;
  /** What is asked how the client came: the framework's own request, if it has one. */
  request: RequestHead;
  /** Whether a save is under way, or has failed: whoever answers the request has it in hand. */
  #isSaveInHand = false;
  #toldToken: string | undefined;
  #toldRevision: number;

  constructor(session: Session<T>, request: RequestHead, home: SessionEngine) {
    this.session = session;
    this.#state = stateOf(session);
    this.#home = home;
    this.request = request;
    this.#toldToken = this.#state.token;
    this.#toldRevision = this.#state.savedRevision;
  }

  get responseHeader(): string {
    return this.#home.transport.responseHeader;
  }

  /** Whether there is anything to save, or being saved by the app; if not, the response leaves at once. */
  get isDue(): boolean {
    return this.#home.repository.isDue(this.#state) || this.#isUntold || this.#state.isBeingCommitted;
  }

  /** Whether there is anything to save that was not there when the head of the response left. */
  get isChanged(): boolean {
    return this.#home.repository.isChanged(this.#state) || this.#isUntold || this.#state.isBeingCommitted;
  }

  /** Whether the app has committed the session itself: the client is to be told all the same. */
  get #isUntold(): boolean {
    return duty(this.#state, this.#toldToken, this.#toldRevision) !== undefined;
  }

  async save(): Promise<void> {
    const { repository } = this.#home;
    const state = this.#state;
    this.#isSaveInHand = true;
    await state.inTurn(() => commitNow(repository, state));
    // The app may go on while its response is held; but not for ever.
    for (let turn = 1; turn < MAX_COMMITS && repository.isChanged(state); turn++) {
      await state.inTurn(() => commitNow(repository, state));
    }
    this.#isSaveInHand = false;
  }

  /** Returns the response header that the client needs by what is saved, if any. */
  header(): string | undefined {
    const { transport, now } = this.#home;
    return headerFor(this.#state, this.#toldToken, this.#toldRevision, transport, now, () =>
      this.#isSecure(),
    );
  }

  /** Notes that the client is told, or can be no more. */
  told(): void {
    this.#toldToken = this.#state.token;
    this.#toldRevision = this.#state.savedRevision;
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
    this.#state.merged.length = 0;
    await this.#state.inTurn(() => commitNow(this.#home.repository, this.#state));
  }

  /** Notes that the head of the response has left: from now on, what changes the session is an error. */
  close(): void {
    this.#state.isClosed = true;
  }

  report(error: Error): void {
    this.#home.onError(error);
  }

  /** Whether the client asked by https. If the app cannot say, its cookie is kept from plain http. */
  #isSecure(): boolean {
    try {
      return isSecure(this.request, this.#home.trustProxy);
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

/** What a client that knows `token` must be told; nothing if another request ended the session, and told it. */
function duty(state: SessionState, token: string | undefined, revision: number): "give" | "take" | undefined {
  if (state.token !== undefined)
    return state.token === token && state.savedRevision === revision ? undefined : "give";
  const isDestroyed = state.endReason === "destroyed" && state.destroyed === undefined;
  return token !== undefined && isDestroyed ? "take" : undefined;
}

/** The response header for a client that knows `token`. */
export function headerFor(
  state: SessionState,
  token: string | undefined,
  revision: number,
  transport: TokenTransport,
  now: () => number,
  isSecureNow: () => boolean,
): string | undefined {
  const due = duty(state, token, revision);
  if (due === undefined) return undefined;
  const isSecure = transport.isSecure ?? isSecureNow();
  if (due === "take" || state.token === undefined) return transport.take(isSecure);
  return transport.give(state.token, { maxAgeMs: state.deadline - now(), persist: state.persist, isSecure });
}
