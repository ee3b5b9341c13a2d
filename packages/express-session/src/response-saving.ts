import type { Saving } from "@scs/session/integration";
import type { Cookie } from "./cookie.js";
import type { RequestBinding } from "./request-binding.js";
import { isSecure } from "./request-security.js";
import type { Secret, SignedCookie } from "./signed-cookie.js";

/** Maximum number of saves before a response leaves, if the app keeps changing the session. */
const MAX_SAVES = 10;

export interface ResponseOptions {
  transport: SignedCookie;
  proxy: boolean | undefined;
  rolling: boolean;
}

/** Saves `req.session` before the response leaves, and sets the cookie. */
export class ResponseSaving implements Saving {
  readonly #binding: RequestBinding;
  readonly #options: ResponseOptions;
  readonly #secrets: readonly Secret[];
  /** Whether the session was taken over from an old one, so that the browser still has the old cookie. */
  #isTakenOver: boolean;
  /** Whether the changes up to now are taken: each time, all values are written as JSON and compared. */
  #isUpToDate = false;

  constructor(binding: RequestBinding, options: ResponseOptions, secrets: readonly Secret[]) {
    this.#binding = binding;
    this.#options = options;
    this.#secrets = secrets;
    this.#isTakenOver = binding.isImporting;
  }

  get responseHeader(): string {
    return this.#options.transport.responseHeader;
  }

  get isDue(): boolean {
    this.#binding.takeChanges();
    const { isImporting, opened } = this.#binding;
    const isDue = isImporting || opened.saving.isDue || this.#isCookieDue;
    this.#isUpToDate = isDue; // `save` follows at once
    return isDue;
  }

  get isChanged(): boolean {
    this.#binding.takeChanges();
    return this.#binding.opened.saving.isChanged;
  }

  async save(): Promise<void> {
    const { opened, req } = this.#binding;
    if (!this.#isUpToDate) this.#binding.takeChanges();
    this.#isUpToDate = false;
    for (let saves = 0; saves < MAX_SAVES; saves++) {
      await this.#binding.commit(() => opened.saving.save());
      if (!this.#binding.takeChanges()) break;
    }
    if (req.socket?.destroyed !== true) await this.#binding.endImported(); // otherwise nobody gets the new cookie
  }

  header(): string | undefined {
    const { transport, proxy } = this.#options;
    const { opened, req } = this.#binding;
    const { news } = opened.saving;
    if (news?.kind === "take") return transport.takeFrom(this.#binding.newCookie());
    const token = news?.token ?? (this.#isCookieDue ? opened.storedToken : undefined);
    if (token === undefined) return undefined;
    const { cookie } = this.#binding;
    if (cookie.secure && !isSecure(req, proxy)) return undefined;
    this.#renewExpiry(cookie, opened.session.deadline);
    return transport.giveIn(token, cookie, this.#secrets);
  }

  /** Restarts the cookie's `originalMaxAge`, within the deadline of the session. */
  #renewExpiry(cookie: Cookie, deadline: Date): void {
    const { originalMaxAge } = cookie;
    cookie.maxAge = originalMaxAge;
    if (cookie.expires === null || cookie.expires <= deadline) return;
    cookie.expires = deadline;
    cookie.originalMaxAge = originalMaxAge;
  }

  told(): void {
    this.#binding.told();
    this.#isTakenOver = false;
  }

  /** Leaves the session open: `req.session.save()` also works after the response, for example for WebSockets. */
  close(): void {}

  report(error: Error): void {
    this.#binding.opened.saving.report(error);
  }

  /** Whether to send the cookie although the token has not changed. */
  get #isCookieDue(): boolean {
    const { isModified, isLive, opened } = this.#binding;
    if (!this.#isTakenOver && !isModified && !this.#options.rolling) return false;
    if (opened.storedToken === undefined) return false;
    if (this.#isTakenOver || !isLive) return this.#isTakenOver;
    return this.#options.rolling || this.#binding.isCookieRenewed;
  }
}
