import type { IncomingMessage, ServerResponse } from "node:http";
import { holdResponse, type Saving } from "./held-response.js";
import { answer500 } from "./response-head.js";

/** What the manager reads of a request. */
export type Request = Pick<IncomingMessage, "headers">;

/** The form that Connect and Express know. For bare `node:http`, `next` is what handles the request. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/** Loads, lets the app answer, and holds its answer until the session is saved. */
export function serve(
  res: ServerResponse,
  next: (error?: unknown) => void,
  load: () => Promise<void>,
  saving: Saving,
): void {
  load().then(
    () => {
      holdResponse(res, saving);
      next();
    },
    (error: Error) => {
      saving.onError(error);
      // A handler that takes no error would run without a session: it must not run at all.
      if (next.length > 0) next(error);
      else answer500(res);
    },
  );
}
