import { Cookie } from "./cookie.js";
import type { OldStoreCalls } from "./old-store.js";

/**
 * Writes sessions to the old store as well, under their tokens. The cookie is signed in the same way, so express-session
 * finds them there after a rollback.
 */
export class SessionMirror {
  readonly #store: OldStoreCalls;
  readonly #exists: (token: string) => Promise<boolean>;

  constructor(store: OldStoreCalls, exists: (token: string) => Promise<boolean>) {
    this.#store = store;
    this.#exists = exists;
  }

  async write(token: string, { data }: Cookie, values: Iterable<[string, unknown]>): Promise<void> {
    const cookie = new Cookie(data);
    await this.#store.write(token, { ...Object.fromEntries(values), cookie });
    // A log-out may have removed session and copy before this copy was written.
    if (!(await this.#exists(token))) await this.end(token);
  }

  async end(token: string): Promise<void> {
    await this.#store.end(token);
  }
}
