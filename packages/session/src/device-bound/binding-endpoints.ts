import type { BindingNote } from "../codecs/session-meta.js";
import { headerOf, type RequestHead } from "../http/http-request.js";
import type { EndpointAnswer, TokenHeader } from "../http/response-head.js";
import type { SessionCookie } from "../http/session-cookie.js";
import { hasTokenForm } from "../persistence/session-token.js";
import type { DeviceBindings, Verdict } from "./device-bindings.js";
import { ALGORITHMS, parseProof, unquoted } from "./proof.js";

export interface EndpointOptions {
  bindings: DeviceBindings;
  /** The session's cookie, and the cookie that proves the device. */
  cookie: SessionCookie;
  boundCookie: SessionCookie;
  sameSite: "strict" | "lax" | "none";
  path: string;
  refreshAfterMs: number;
  onError: (error: Error) => void;
}

/** Maximum number of tokens looked up per request. */
const MAX_TOKENS = 4;

/** The headers with which browsers and the manager bind sessions (Device Bound Session Credentials). */
export class BindingEndpoints {
  readonly #options: EndpointOptions;
  readonly #bindPath: string;
  readonly #refreshPath: string;

  constructor(options: EndpointOptions) {
    this.#options = options;
    this.#bindPath = `${options.path}/bind`;
    this.#refreshPath = `${options.path}/refresh`;
  }

  /** Returns whether a request is for the manager itself. `url` may have a query. */
  isFor(method: string | undefined, url: string | undefined): boolean {
    if (method !== "POST" || url === undefined || !url.startsWith(this.#options.path)) return false;
    const path = pathOf(url);
    return path === this.#bindPath || path === this.#refreshPath;
  }

  /** Returns the header that asks a browser to bind the session. */
  registrationOf({ challenge: [challenge] }: BindingNote): TokenHeader {
    const value = `(${ALGORITHMS.join(" ")});path="${this.#bindPath}";challenge="${challenge}"`;
    return ["secure-session-registration", value];
  }

  /** Reads the cookies that prove a device. */
  boundCookiesOf(request: RequestHead): readonly string[] {
    return this.#options.boundCookie.read(headerOf(request, "cookie") ?? "").slice(0, MAX_TOKENS);
  }

  /** Returns the header that removes the cookie which proves the device. */
  get takenCookie(): TokenHeader {
    return ["set-cookie", this.#options.boundCookie.take(true)];
  }

  /** Answers a request for which {@link isFor} is true. Never rejects: reports failures, and answers with a 500. */
  async answer(url: string, request: RequestHead): Promise<EndpointAnswer> {
    try {
      const isRegistration = pathOf(url) === this.#bindPath;
      return this.#answerOf(
        await (isRegistration ? this.#bind(request) : this.#refresh(request)),
        isRegistration,
      );
    } catch (error) {
      this.#options.onError(error as Error);
      return answer(500, []); // the browser keeps the binding, and tries again
    }
  }

  #bind(request: RequestHead): Promise<Verdict> | Verdict {
    const proof = parseProof(headerOf(request, "secure-session-response") ?? "");
    return proof === undefined
      ? { kind: "refused" }
      : this.#options.bindings.register(this.#tokensOf(request), proof);
  }

  #refresh(request: RequestHead): Promise<Verdict> | Verdict {
    const id = unquoted(headerOf(request, "sec-secure-session-id") ?? "");
    const header = headerOf(request, "secure-session-response");
    const proof = header === undefined ? undefined : parseProof(header);
    if (header !== undefined && proof === undefined) return { kind: "refused" };
    return this.#options.bindings.refresh(id, proof);
  }

  #tokensOf(request: RequestHead): readonly string[] {
    const tokens = this.#options.cookie.read(headerOf(request, "cookie") ?? "");
    return [...new Set(tokens)].filter(hasTokenForm).slice(0, MAX_TOKENS);
  }

  #answerOf(verdict: Verdict, isRegistration: boolean): EndpointAnswer {
    // A browser ends a binding at any 4xx except 403. At a 403 without a challenge, it ends a registration.
    if (verdict.kind === "refused") return answer(isRegistration ? 403 : 404, []);
    const challenge: TokenHeader = ["secure-session-challenge", `"${verdict.challenge}";id="${verdict.id}"`];
    if (verdict.kind === "challenge") return answer(403, [challenge]);
    const { boundCookie, refreshAfterMs } = this.#options;
    const gift = { maxAgeMs: refreshAfterMs, persist: true, isSecure: true };
    const cookie: TokenHeader = ["set-cookie", boundCookie.give(verdict.cookie, gift)];
    const type: TokenHeader = ["content-type", "application/json"];
    return answer(200, [type, challenge, cookie], JSON.stringify(this.#instructionsOf(verdict.id)));
  }

  /** Returns the instructions for the browser: the cookie to refresh, when, and where. */
  #instructionsOf(id: string): object {
    const { boundCookie, sameSite } = this.#options;
    const attributes = `Path=/; Secure; HttpOnly; SameSite=${capitalized(sameSite)}`;
    return {
      session_identifier: id,
      refresh_url: this.#refreshPath,
      scope: { include_site: false, scope_specification: [] },
      credentials: [{ type: "cookie", name: boundCookie.name, attributes }],
      // A visitor may follow a link on any site. With SameSite=None, requests of other sites carry the cookie as well, and
      // the time that a refresh takes must not reveal to them whether there is a session.
      ...(sameSite !== "none" && { allowed_refresh_initiators: ["*"] }),
    };
  }
}

function answer(status: number, headers: readonly TokenHeader[], body = ""): EndpointAnswer {
  return { status, headers: [["cache-control", "no-store"], ...headers], body };
}

function pathOf(url: string): string {
  const end = url.search(/[?#]/);
  return end < 0 ? url : url.slice(0, end);
}

function capitalized(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
