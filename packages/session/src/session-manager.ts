import type { IncomingMessage, ServerResponse } from "node:http";
import { answerRefused, holdResponse } from "./http/held-response.js";
import { type Middleware, misuseOf } from "./http/middleware.js";
import type { RequestSession } from "./http/request-session.js";
import type { RequestSessions } from "./http/request-sessions.js";
import { answer500 } from "./http/response-head.js";
import type { SessionManagerOptions } from "./manager-options.js";
import { type RenewOptions, Session, stateOf } from "./session.js";
import { SessionService } from "./session-service.js";

let requestsOf: <T extends object, D>(manager: SessionManager<T, D>) => RequestSessions<T>;
let reportTo: <T extends object, D>(manager: SessionManager<T, D>, error: Error) => void;

/**
 * Gives each visitor a session. `T` is what it holds, `D` what `describe` makes of it:
 *
 *     const sessions = new SessionManager<{ userId: string }>({ store: new MemStore() });
 *
 * Over an `AtomicStore`, parallel requests that change different keys of one session both keep their change
 * (of one key, the last wins), and no late save brings back a session that was ended. Over a plain `Store`
 * the last save wins as a whole, and the manager warns so once.
 */
export class SessionManager<T extends object = Record<string, unknown>, D = unknown> extends SessionService<
  T,
  D
> {
  static {
    requestsOf = (manager) => manager.requests;
    reportTo = (manager, error) => manager.report(error);
  }

  /** @throws TypeError or RangeError if an option cannot work, with what to do instead. */
  constructor(options: SessionManagerOptions<T, D>) {
    super(options);
  }

  /**
   * For `node:http`, `node:http2`, Connect and Express: loads the session before the app sees the request, and
   * saves it before the first byte of the response leaves. A store that fails becomes a 500, never an empty
   * session: by `next(error)` if `next` takes an argument and the app has not answered yet.
   */
  middleware(): Middleware {
    return (req, res, next) => {
      const misuse = misuseOf(req, res, next);
      if (misuse !== undefined) return passOn(misuse, next);
      let opened: RequestSession<T> | Promise<RequestSession<T>>;
      try {
        opened = this.requests.open(req);
      } catch (error) {
        return this.#refuse(error as Error, res, next);
      }
      if (!(opened instanceof Promise)) return this.#proceed(opened, res, next);
      opened.then(
        (session) => throwOutside(() => this.#proceed(session, res, next)),
        (error: Error) => throwOutside(() => this.#refuse(error, res, next)),
      );
    };
  }

  #proceed(opened: RequestSession<T>, res: ServerResponse, next: () => void): void {
    hold(opened, res);
    try {
      this.requests.run(opened.session, next);
    } catch (error) {
      // A bare handler of node:http has nobody else to answer when node refuses what it sends.
      if (next.length > 0 || !answerRefused(res, error)) throw error;
    }
  }

  #refuse(error: Error, res: ServerResponse, next: (error?: unknown) => void): void {
    this.report(error);
    // A handler that takes no error would run without a session: it must not run at all.
    if (next.length > 0) next(error);
    else if (!res.headersSent) answer500(res);
  }

  /**
   * Gives the session of a request, where no middleware does: loads it, and from then on holds the response
   * until it is saved.
   *
   * @param options `token`: what the client sent otherwise than by the manager's cookie or header, as in a body.
   * @throws StoreError if the store fails.
   */
  async start(
    req: IncomingMessage,
    res: ServerResponse,
    { token }: { token?: string | undefined } = {},
  ): Promise<Session<T>> {
    const opened = await (token === undefined ? this.requests.open(req) : this.requests.openAs(req, token));
    hold(opened, res);
    return opened.session;
  }

  /**
   * Ends a session at once, also when the head of the response has left.
   *
   * @returns see `commit`; of a request, its response is given that.
   */
  destroy(session: Session<T>): Promise<string | undefined>;
  destroy(req: IncomingMessage, res: ServerResponse): Promise<string | undefined>;
  async destroy(subject: Session<T> | IncomingMessage, res?: ServerResponse): Promise<string | undefined> {
    const session = subject instanceof Session ? subject : await this.start(subject, res as ServerResponse);
    stateOf(session).destroy(true);
    return this.commit(session);
  }

  /** Gives the session of a request a new token at once, and saves it. The response is given its cookie. */
  async regenerate(req: IncomingMessage, res: ServerResponse, options?: RenewOptions): Promise<Session<T>> {
    const session = await this.start(req, res);
    await this.renew(session, options);
    return session;
  }
}

/** Lets a framework have an error in its own way, if it has one. */
function passOn(error: Error, next: ((error: Error) => void) | undefined): void {
  if (typeof next !== "function" || next.length === 0) throw error;
  next(error);
}

/** Lets what is thrown be an uncaught exception, as it would be without a promise around it. */
function throwOutside(work: () => void): void {
  try {
    work();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}

function hold<T extends object>(opened: RequestSession<T>, res: ServerResponse): void {
  if (opened.isHeld) return;
  opened.isHeld = true;
  holdResponse(res, opened);
}

export { reportTo, requestsOf };
