import type { ServerResponse } from "node:http";
import { Duplex } from "node:stream";
import { Http1Outlet } from "./http1-outlet.js";
import { Http2Outlet, isHttp2 } from "./http2-outlet.js";
import type { Outlet } from "./outlet.js";
import { ReplayOutlet } from "./replay-outlet.js";

/**
 * Chooses the outlet that fits a response.
 *
 * @param onFirstByte called each time before bytes leave; may call `hold`
 */
export function outletOf(res: ServerResponse, onFirstByte: () => void): Outlet {
  const { outputData, socket } = res as ServerResponse & { outputData?: unknown };
  if (outputData === undefined && isHttp2(res)) return new Http2Outlet(res, onFirstByte);
  // A response that waits for its turn on a connection has no socket yet. An injected response of a test has no network.
  const isOfNode = outputData !== undefined && (socket === null || socket instanceof Duplex);
  return isOfNode ? new Http1Outlet(res, onFirstByte) : new ReplayOutlet(res, onFirstByte);
}
