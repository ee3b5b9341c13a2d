import { createHmac } from "node:crypto";
import type { IncomingMessage } from "node:http";
import type { IntegratedSession, SessionIntegration } from "@scs/session/integration";
import type { OldSession, OldStoreCalls } from "./old-store.js";
import { COOKIE_KEY, type SessionCookies } from "./session-cookie.js";
import type { SignedValue } from "./signed-cookie.js";

/** Time for which the cookie of a session without an expiry is marked as used: no browser keeps a cookie for longer. */
const COOKIE_LIMIT_MS = 400 * 86_400_000;

/** Length of an ID: 16 bytes in base64url. */
const ID_BYTES = 16;

/** A session of express-session, identified by a request's cookie. */
export interface ImportedSession {
  opened: IntegratedSession<object>;
  /** Ends the old session, so that its cookie is worthless. */
  take(): Promise<void>;
}

export interface OldSessionsOptions {
  store: OldStoreCalls;
  cookies: SessionCookies;
  integration: SessionIntegration<object>;
  now: () => number;
  onError: (error: Error) => void;
}

/**
 * Takes over sessions of express-session. The ID of the new session is derived from the old one, and its record is
 * inserted only if absent, so that parallel requests with one old cookie share a session. Before the first of their
 * responses leaves, a mark under a second derived ID is stored. From then on, the old cookie begins no session, even after
 * the new session has ended, and even if the old store cannot delete its session.
 */
export class OldSessions {
  readonly #options: OldSessionsOptions;

  constructor(options: OldSessionsOptions) {
    this.#options = options;
  }

  /**
   * Opens the session of the first cookie that has one in the old store.
   *
   * @returns `"taken"` if there is none, but the session of a cookie was taken over before.
   */
  async open(
    req: IncomingMessage,
    cookies: readonly SignedValue[],
  ): Promise<ImportedSession | "taken" | undefined> {
    let isTaken = false;
    for (const cookie of cookies) {
      const imported = await this.#open(req, cookie);
      if (typeof imported === "object") return imported;
      isTaken ||= imported === "taken";
    }
    return isTaken ? "taken" : undefined;
  }

  async #open(req: IncomingMessage, cookie: SignedValue): Promise<ImportedSession | "taken" | undefined> {
    const { store, integration, now, onError } = this.#options;
    const mark = derivedId(cookie, "taken");
    const old = await store.read(cookie.value);
    // After the read: if another request has just ended the old session, it has set the mark before.
    if (await integration.isMarked(mark)) return "taken";
    if (old === undefined) return undefined;
    const end = endOf(old) ?? now() + COOKIE_LIMIT_MS;
    const values = this.#valuesOf(old, req);
    if (end <= now() || Object.keys(values).length === 0) return undefined;
    const barredUntil = new Date(end);
    const opened = await integration.openDerived(req, {
      ...{ id: derivedId(cookie, "session"), values, barredUntil },
    });
    if (opened === undefined) return "taken"; // by another request, which has logged out since
    const take = async () => {
      await integration.mark(mark, barredUntil);
      await store.end(cookie.value).catch(onError); // the mark has already made its cookie worthless
    };
    return { opened, take };
  }

  /** Returns the values of an old session, and its own cookie attributes. */
  #valuesOf(old: OldSession, req: IncomingMessage): Record<string, unknown> {
    const { cookie, ...values } = JSON.parse(JSON.stringify(old)) as OldSession;
    if (Object.keys(values).length === 0 || cookie === undefined) return values;
    const { cookies } = this.#options;
    const own = cookies.ownOf(cookie, cookies.optionsFor(req), req);
    return own === undefined ? values : { ...values, [COOKIE_KEY]: own };
  }
}

function derivedId({ value, secret }: SignedValue, purpose: string): string {
  const digest = createHmac("sha256", secret).update(`@scs/express-session ${purpose}\0${value}`).digest();
  return digest.subarray(0, ID_BYTES).toString("base64url");
}

function endOf({ cookie }: OldSession): number | undefined {
  const expires = cookie?.expires;
  if (typeof expires !== "string" && !(expires instanceof Date)) return undefined;
  const ms = new Date(expires).getTime();
  return Number.isNaN(ms) ? undefined : ms;
}
