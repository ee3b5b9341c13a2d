import type { SessionState } from "../state/session-state.js";
import { SessionCookie } from "./session-cookie.js";
import { TokenHeader, type TokenTransport } from "./token-transport.js";

/** What a client is to be told: its token, or that it has none any more. */
export type ClientNews = { kind: "give"; token: string } | { kind: "take" };

/** What a client knows of its session: which token it has, and for how long. */
export class ClientKnowledge {
  #token: string | undefined;
  #revision: number;

  constructor(state: SessionState) {
    this.#token = state.clientToken;
    this.#revision = state.settings.savedRevision;
  }

  /** Compares with what is saved. A session that another request ended is that request's news. */
  news(state: SessionState): ClientNews | undefined {
    const token = state.storedToken;
    if (token === undefined) {
      const isDestroyed = state.endReason === "destroyed" && state.destroyed === undefined;
      return this.#token !== undefined && isDestroyed ? { kind: "take" } : undefined;
    }
    if (token === this.#token && state.settings.savedRevision === this.#revision) return undefined;
    return { kind: "give", token };
  }

  /** Makes the response header of the news, if there are any. */
  header(
    state: SessionState,
    transport: TokenTransport,
    now: () => number,
    isSecureNow: () => boolean,
  ): TokenHeader | undefined {
    const news = this.news(state);
    return news && headerFor(news, state, transport, now, isSecureNow);
  }

  /** Notes that the client has been told. */
  update(state: SessionState): void {
    this.#token = state.storedToken;
    this.#revision = state.settings.savedRevision;
  }
}

/** Makes the response header that tells a client of its session. */
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
