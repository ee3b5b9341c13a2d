import type { IncomingMessage } from "node:http";

/**
 * Tells whether the client asked by https, as express-session does. `proxy`: whether `X-Forwarded-Proto` says so;
 * `undefined`: whether Express says so, by its setting `trust proxy`.
 */
export function isSecure(req: IncomingMessage, proxy: boolean | undefined): boolean {
  const { socket, secure } = req as IncomingMessage & { socket?: { encrypted?: boolean }; secure?: boolean };
  if (socket?.encrypted === true) return true;
  if (proxy === false) return false;
  if (proxy !== true) return secure === true;
  const [proto = ""] = String(req.headers["x-forwarded-proto"] ?? "").split(",");
  return proto.trim().toLowerCase() === "https";
}
