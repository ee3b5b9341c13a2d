import type { ServerResponse } from "node:http";
import { errorOf } from "../error-reporter.js";
import { answerRefused, holdResponse } from "./held-response.js";
import { urlOf } from "./http-request.js";
import { type Middleware, misuseOf } from "./middleware.js";
import type { RequestSession } from "./request-session.js";
import type { RequestSessions } from "./request-sessions.js";
import { answer500, answerWith } from "./response-head.js";

/** Makes the middleware for `node:http`, `node:http2`, Connect and Express. */
export function nodeMiddleware<T extends object>(
  requests: RequestSessions<T>,
  onError: (error: Error) => void,
): Middleware {
  function proceed(opened: RequestSession<T>, res: ServerResponse, next: () => void): void {
    const retry = opened.isHeld ? undefined : opened.retryOf(urlOf(opened.request));
    if (retry !== undefined) {
      answerWith(res, retry);
      return;
    }
    hold(opened, res);
    try {
      requests.run(opened.session, next);
    } catch (error) {
      // With a bare handler of node:http, nobody else answers when Node.js rejects its response.
      if (next.length > 0 || !answerRefused(res, error)) throw error;
    }
  }

  function refuse(thrown: unknown, res: ServerResponse, next: (error?: unknown) => void): void {
    const error = errorOf(thrown, "loading a session failed");
    onError(error);
    // A `next` that takes no error must not run, because it would run without a session.
    if (next.length > 0) next(error);
    else if (!res.headersSent) answer500(res);
  }

  return (req, res, next) => {
    const misuse = misuseOf(req, res, next);
    if (misuse !== undefined) return passOn(misuse, next);
    const own = requests.answerOf(req, req.method, urlOf(req));
    if (own !== undefined) {
      own.then((answer) => answerWith(res, answer)).catch(onError);
      return;
    }
    let opened: RequestSession<T> | Promise<RequestSession<T>>;
    try {
      opened = requests.open(req);
    } catch (error) {
      return refuse(error, res, next);
    }
    if (!(opened instanceof Promise)) return proceed(opened, res, next);
    opened.then(
      (session) => throwOutside(() => proceed(session, res, next)),
      (error: unknown) => throwOutside(() => refuse(error, res, next)),
    );
  };
}

/** Holds the response from now on, until the session is saved. */
export function hold<T extends object>(opened: RequestSession<T>, res: ServerResponse): void {
  if (opened.isHeld) return;
  opened.isHeld = true;
  if (res.writableEnded)
    opened.close(); // nothing would save a change now
  else holdResponse(res, opened);
}

/** Passes an error on to the framework if it takes one, and throws it otherwise. */
function passOn(error: Error, next: ((error: Error) => void) | undefined): void {
  if (typeof next !== "function" || next.length === 0) throw error;
  next(error);
}

/** Throws errors of `work` as uncaught exceptions, as without a promise around it. */
function throwOutside(work: () => void): void {
  try {
    work();
  } catch (error) {
    process.nextTick(() => {
      throw error;
    });
  }
}
