import { clientTokenOf, storedTokenOf } from "../state/session-names.js";
import type { SessionState } from "../state/session-state.js";
import { SessionCookie } from "./session-cookie.js";
import { TokenHeader, type TokenTransport } from "./token-transport.js";

/** A change that the client must learn: its new token, or that its token has ended. */
export type ClientNews = { kind: "give"; token: string } | { kind: "take" };

/** The token that a client has, and its lifetime. */
export class ClientKnowledge {
  #token: string | undefined;
  #revision: number;

  constructor(state: SessionState) {
    this.#token = clientTokenOf(state);
    this.#revision = state.settings.savedRevision;
  }

  /** Compares with the saved session. If another request ended the session, that request tells the client. */
  news(state: SessionState): ClientNews | undefined {
    const token = storedTokenOf(state);
    if (token === undefined) {
      const isDestroyed = state.endReason === "destroyed" && state.destroyed === undefined;
      return this.#token !== undefined && isDestroyed ? { kind: "take" } : undefined;
    }
    if (token === this.#token && state.settings.savedRevision === this.#revision) return undefined;
    return { kind: "give", token };
  }

  /** Returns the response header with the news, if there are any. */
  header(
    state: SessionState,
    transport: TokenTransport,
    now: () => number,
    isSecureNow: () => boolean,
  ): TokenHeader | undefined {
    const news = this.news(state);
    return news && headerFor(news, state, transport, now, isSecureNow);
  }

  /** Records that the client has got the news. */
  update(state: SessionState): void {
    this.#token = storedTokenOf(state);
    this.#revision = state.settings.savedRevision;
  }
}

/** Creates the response header that sets or clears the client's token. */
export function headerFor(
  news: ClientNews,
  { settings: { deadline, persist } }: SessionState,
  transport: TokenTransport,
  now: () => number,
  isSecureNow: () => boolean,
): TokenHeader {
  const isSecure = transport.isSecure ?? isSecureNow();
  const gift = { maxAgeMs: deadline - now(), persist, isSecure };
  const isGiven = news.kind === "give";
  const value = isGiven ? transport.give(news.token, gift) : transport.take(isSecure);
  if (!(transport instanceof SessionCookie)) return new TokenHeader(transport.responseHeader, value);
  const cookie = isGiven ? transport.given(news.token, gift) : transport.taken(isSecure);
  return new TokenHeader(transport.responseHeader, value, cookie);
}
