import type { IncomingMessage, ServerResponse } from "node:http";

/** The form that Connect and Express know. For bare `node:http`, `next` is what handles the request. */
export type Middleware = (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void;
