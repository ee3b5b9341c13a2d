import type { IncomingMessage, ServerResponse } from "node:http";
import { misuse } from "./framework-advice.js";

/** Middleware of Connect and Express. For bare `node:http`, `next` is the app's request handler. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;

/** Returns an error with the import that is meant, if this is no call of `node:http`, Connect or Express. */
export function misuseOf(req: unknown, res: unknown, next: unknown): TypeError | undefined {
  if (typeof next === "function" && typeof (res as Partial<ServerResponse> | null)?.end === "function")
    return undefined;
  const home = "node:http, Connect and Express, which call it with (req, res, next)";
  return misuse("sessions.middleware()", home, [req, res]);
}
