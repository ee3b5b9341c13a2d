import type { ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import { Http1Outlet } from "./http1-outlet.js";
import { Http2Outlet, isHttp2 } from "./http2-outlet.js";
import { ReplayOutlet } from "./replay-outlet.js";
import type { TokenHeader } from "./response-head.js";

/** Where the bytes of a response leave: they can be kept back there, or be replaced. */
export interface Outlet {
  /** Whether the head has left: nothing can be added to it. */
  readonly isHeadOut: boolean;
  /** Whether the client is gone: no byte will be sent, whatever the app writes. */
  readonly isGone: boolean;
  /** Keeps back what the app sends from now on. */
  hold(): void;
  /** Lets go what was kept back, with these headers. */
  release(headers: readonly TokenHeader[]): void;
  /**
   * Sends the error page, with these headers, in place of what the app has sent and still sends.
   *
   * @returns the page, if it is left to the response's own `end`, since no head was kept
   */
  replace(headers: readonly TokenHeader[]): string | undefined;
  /** Cuts off a response whose head is out. */
  cut(error: Error): void;
}

/** @param onFirstByte is called before bytes leave, each time, and may call `hold` then */
export function outletOf(res: ServerResponse, onFirstByte: () => void): Outlet {
  if (isHttp2(res)) return new Http2Outlet(res, onFirstByte);
  const { socket, _send } = res as ServerResponse & { _send?: unknown };
  // A response that waits for its turn on a connection has no socket yet; one that a test injects has none of a network.
  const isOfNode = typeof _send === "function" && (socket === null || socket instanceof Duplex);
  return isOfNode ? new Http1Outlet(res, onFirstByte) : new ReplayOutlet(res, onFirstByte);
}
