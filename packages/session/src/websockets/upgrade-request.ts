import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/**
 * Returns whether a page may open a connection that carries the visitor's cookies: a page of the same host, or of an
 * allowed origin. Also accepts requests without `Origin`, which no browser sends.
 */
export function isOriginAllowed({ headers }: IncomingMessage, allowed: readonly string[]): boolean {
  const { origin, host } = headers;
  if (origin === undefined || allowed.includes("*") || allowed.includes(origin)) return true;
  try {
    return new URL(origin).host === host?.toLowerCase();
  } catch {
    return false;
  }
}

/** Answers an upgrade request with a status and an empty body, and closes its connection. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
