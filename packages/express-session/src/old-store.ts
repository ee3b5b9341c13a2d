import type { CookieAttributes } from "./cookie.js";

/** A session in the format of express-session's stores. */
export type OldSession = Record<string, unknown> & { cookie?: CookieAttributes };

// biome-ignore lint/suspicious/noExplicitAny: the types of stores name express-session's own class of sessions.
type AnySession = any;

/** The methods of an express-session store that are used. */
export interface OldStore {
  get(id: string, callback: (error: unknown, session?: AnySession) => void): unknown;
  set?(id: string, session: AnySession, callback?: (error?: unknown) => void): unknown;
  destroy?(id: string, callback?: (error?: unknown) => void): unknown;
}

/** Calls an express-session store through promises. */
export class OldStoreCalls {
  readonly #store: OldStore;
  readonly #timeoutMs: number;

  /** @param timeoutMs Time limit of a call. */
  constructor(store: OldStore, timeoutMs: number) {
    this.#store = store;
    this.#timeoutMs = timeoutMs;
  }

  async read(id: string): Promise<OldSession | undefined> {
    try {
      const isFound = (result: unknown) => result !== undefined; // an async function may still call back later
      return (await this.#settled((callback) => this.#store.get(id, callback), isFound)) ?? undefined;
    } catch (error) {
      if ((error as { code?: unknown } | undefined)?.code === "ENOENT") return undefined; // absent, as in express-session
      throw error;
    }
  }

  async write(id: string, session: OldSession): Promise<void> {
    await this.#settled((callback) => this.#store.set?.(id, session, callback));
  }

  /** Deletes a session, if the store can. */
  async end(id: string): Promise<void> {
    if (this.#store.destroy === undefined) return;
    await this.#settled((callback) => this.#store.destroy?.(id, callback));
  }

  /** Waits for the callback, or for a promise with a result, which some stores return. */
  #settled(
    call: (callback: (error?: unknown, result?: OldSession | null) => void) => unknown,
    isResult: (result: unknown) => boolean = () => true,
  ): Promise<OldSession | null | undefined> {
    return new Promise((resolve, reject) => {
      const late = () => new Error(`importFrom: the old store did not answer within ${this.#timeoutMs} ms`);
      const timer = setTimeout(() => reject(late()), this.#timeoutMs);
      const settle = (error?: unknown, result?: OldSession | null) => {
        clearTimeout(timer);
        if (error) reject(error);
        else resolve(result);
      };
      const returned = call(settle) as PromiseLike<OldSession | null | undefined> | undefined;
      if (typeof returned?.then !== "function") return;
      returned.then((result) => {
        if (isResult(result)) settle(undefined, result);
      }, settle);
    });
  }
}
