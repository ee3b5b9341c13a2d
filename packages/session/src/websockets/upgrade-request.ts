import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

/**
 * Tells whether a page may open a connection that carries the visitor's cookies: one of the same host, or of a listed
 * origin. Browsers always say which page asks; a client that says nothing is no browser.
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

/** Answers an upgrade request with an error page of no content, and closes its connection. */
export function refuseUpgrade(socket: Duplex, status: string): void {
  socket.once("finish", () => socket.destroy());
  socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
}
