import type { ServerResponse } from "node:http";
import { addCookie, answer500, setHead } from "./response-head.js";
import { SessionError } from "./session-error.js";

type Method = "writeHead" | "flushHeaders" | "write" | "end";

/** How a session is saved before the response leaves. */
export interface Saving {
  /** Whether there is anything to save; if not, the response leaves at once. */
  isDue: () => boolean;
  /** Whether there is anything to save that was not there when the head of the response left. */
  isChanged: () => boolean;
  /** Gives the `Set-Cookie` header that the response needs, if any. */
  save: () => Promise<string | undefined>;
  onError: (error: Error) => void;
}

/**
 * Holds the response back, from the first call that would send its head on, until the session is saved: what
 * the client's next request reads is there, and a cookie can still be set. If saving fails, a 500 takes the
 * place of what the app has answered. A session that the app changes while the body is on its way is saved
 * before the body ends.
 *
 * What the app writes meanwhile is kept in order; `write` gives `false`, so that a stream that is piped waits.
 */
export function holdResponse(res: ServerResponse, { isDue, isChanged, save, onError }: Saving): void {
  // Other middleware may have put its own methods on `res`, and may put more on top of these: each passes on
  // to what it found, and none is taken away again.
  const passOn = {
    writeHead: res.writeHead,
    flushHeaders: res.flushHeaders,
    write: res.write,
    end: res.end,
  } as unknown as Record<Method, (...args: unknown[]) => unknown>;
  let state: "waiting" | "holding" | "released" | "failed" = "waiting";
  /** Whether the head would have left without us: for the app, it has. What it still sets would come too late. */
  let isHeadHeld = false;
  const held: [Method, unknown[]][] = [];

  const isHeadSent = (): boolean => Reflect.get(Object.getPrototypeOf(res), "headersSent", res);
  const holdHead = (): void => {
    if (isHeadHeld) return;
    isHeadHeld = true;
    Object.defineProperty(res, "headersSent", { configurable: true, get: () => isHeadHeld || isHeadSent() });
  };

  const begin = (): void => {
    state = "holding";
    if (!isHeadSent()) holdHead();
    save()
      .then((cookie) => {
        if (cookie !== undefined && isHeadSent()) onError(tooLate());
        else if (cookie !== undefined) addCookie(res, cookie);
        release();
      })
      .catch(fail);
  };

  const release = (): void => {
    state = "released";
    isHeadHeld = false;
    const called = new Set(held.map(([method]) => method));
    let willDrain = false;
    for (let call = held.shift(); call !== undefined; call = held.shift()) {
      const [method, args] = call;
      if (passOn[method].apply(res, args) === false && method === "write") willDrain = true;
    }
    // Our write gave false, and the response, which took it all, will not say so.
    if (called.has("write") && !called.has("end") && !willDrain) res.emit("drain");
  };

  const fail = (error: Error): void => {
    onError(error);
    state = "released";
    isHeadHeld = false;
    if (isHeadSent()) res.destroy();
    else answer500(res, passOn.end); // past other middleware on top, which may have ended already
    state = "failed"; // what the app still writes has nowhere to go
    const isWaiting = held.some(([method]) => method === "write");
    for (const [, args] of held.splice(0)) refuse(args, error);
    if (isWaiting) res.emit("drain");
  };

  const holdWriteHead = (args: unknown[]): boolean => {
    if (state === "released") return false;
    // Node asks for it, when what ends the response comes, and so does middleware that looks for node's `_header`.
    const isImplicit = args.length === 1 && args[0] === res.statusCode;
    if (state === "failed") return isHeadSent() || !isImplicit; // our 500 may be held by others below
    if (isHeadHeld && isImplicit) return true;
    if (isHeadHeld) throw headersSent();
    held.push(["writeHead", setHead(res, args)]); // throws for what writeHead would refuse
    holdHead(); // no more: as in node, nothing leaves before the body or `flushHeaders`
    return true;
  };

  /** Whether the call is not to be passed on, now or ever. */
  const hold = (method: Method, args: unknown[]): boolean => {
    if (method === "writeHead") return holdWriteHead(args);
    if (state === "waiting") {
      if (isDue()) begin();
      else release();
    } else if (state === "released" && method === "end" && isChanged()) begin();
    if (state === "released") return false;
    if (state === "failed") refuse(args, new Error("the response was replaced by a 500"));
    else held.push([method, args]);
    return true;
  };

  res.writeHead = function writeHead(...args: unknown[]) {
    return hold("writeHead", args) ? res : (passOn.writeHead.apply(res, args) as ServerResponse);
  } as ServerResponse["writeHead"];
  res.flushHeaders = function flushHeaders() {
    if (!hold("flushHeaders", [])) passOn.flushHeaders.apply(res, []);
  };
  res.write = function write(...args: unknown[]) {
    // Whoever waits for the response to drain after it failed would wait for ever.
    return hold("write", args) ? state === "failed" : passOn.write.apply(res, args);
  } as ServerResponse["write"];
  res.end = function end(...args: unknown[]) {
    return hold("end", args) ? res : passOn.end.apply(res, args);
  } as ServerResponse["end"];
}

/** Tells the callback of a write that will not take place. */
function refuse(args: unknown[], error: Error): void {
  const callback = args.at(-1);
  if (typeof callback === "function") process.nextTick(callback, error);
}

/** The very error of node:http. */
function headersSent(): Error {
  const error = new Error("Cannot write headers after they are sent to the client");
  return Object.assign(error, { code: "ERR_HTTP_HEADERS_SENT" });
}

function tooLate(): SessionError {
  return new SessionError(
    "TOO_LATE",
    "a session's cookie could not be set, since the head of the response had left: begin, renew and destroy sessions before the first byte of the body",
  );
}
