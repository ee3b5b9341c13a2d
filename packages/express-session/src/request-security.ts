import type { IncomingMessage } from "node:http";

/**
 * Returns whether the request came over https, by express-session's rules. `proxy`: whether `X-Forwarded-Proto` counts; if
 * `undefined`, Express's setting `trust proxy` decides.
 */
export function isSecure(req: IncomingMessage, proxy: boolean | undefined): boolean {
  const { socket, secure } = req as IncomingMessage & { socket?: { encrypted?: boolean }; secure?: boolean };
  if (socket?.encrypted === true) return true;
  if (proxy === false) return false;
  if (proxy !== true) return secure === true;
  const [proto = ""] = String(req.headers["x-forwarded-proto"] ?? "").split(",");
  return proto.trim().toLowerCase() === "https";
}
