import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";

type Method = "writeHead" | "flushHeaders" | "write" | "end";

/** Headers that describe the app's body, and must not describe the error page that takes its place. */
const BODY_HEADERS = [
  "accept-ranges",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-location",
  "content-range",
  "etag",
  "expires",
  "last-modified",
  "location",
  "set-cookie",
  "trailer",
  "transfer-encoding",
];

/** How a response is saved before it leaves. */
export interface Saving {
  /** Whether there is anything to save; if not, the response leaves at once. */
  isDue: () => boolean;
  /** Gives the `Set-Cookie` header that the response needs, if any. */
  save: () => Promise<string | undefined>;
  onError: (error: Error) => void;
}

/**
 * Holds the response back, from the first call that would send its head on, until the session is saved: what
 * the client's next request reads is there, and a cookie can still be set. If saving fails, a 500 takes the
 * place of what the app has answered.
 *
 * What the app writes meanwhile is kept in order; `write` gives `false`, so that a stream that is piped waits.
 */
export function holdResponse(res: ServerResponse, { isDue, save, onError }: Saving): void {
  // Other middleware may have put its own methods on `res`, and may put more on top of these: each passes on
  // to what it found, and none is taken away again.
  const passOn = {
    writeHead: res.writeHead,
    flushHeaders: res.flushHeaders,
    write: res.write,
    end: res.end,
  } as unknown as Record<Method, (...args: unknown[]) => unknown>;
  let state: "waiting" | "holding" | "released" | "failed" = "waiting";
  const held: [Method, unknown[]][] = [];

  const begin = (): void => {
    state = "holding";
    // For the app the head has left, as it would have without us: what it still sets would come too late.
    Object.defineProperty(res, "headersSent", {
      configurable: true,
      get: () => state === "holding" || Reflect.get(Object.getPrototypeOf(res), "headersSent", res),
    });
    save()
      .then((cookie) => {
        if (cookie !== undefined) addCookie(res, cookie);
        release();
      })
      .catch(fail);
  };

  const release = (): void => {
    state = "released";
    let waits = false;
    for (const [method, args] of held) {
      const result = passOn[method].apply(res, args);
      if (method === "write") waits = result !== false;
      if (method === "end") waits = false;
    }
    if (waits) res.emit("drain"); // our write gave false, and the response, which took it all, will not say so
  };

  const fail = (error: Error): void => {
    onError(error);
    state = "released";
    if (res.headersSent) res.destroy(error);
    else answer500(res);
    state = "failed"; // what the app still writes has nowhere to go
  };

  /** Whether the call is not to be passed on, now or ever. */
  const hold = (method: Method, args: unknown[]): boolean => {
    if (state === "waiting" && !dueOrFailing(isDue)) state = "released";
    if (state === "released") return false;
    if (state === "failed") return true;
    const left = method === "writeHead" ? setHead(res, args) : args; // throws for what writeHead would refuse
    if (state === "waiting") begin();
    held.push([method, left]);
    return true;
  };

  res.writeHead = function writeHead(...args: unknown[]) {
    return hold("writeHead", args) ? res : (passOn.writeHead.apply(res, args) as ServerResponse);
  } as ServerResponse["writeHead"];
  res.flushHeaders = function flushHeaders() {
    if (!hold("flushHeaders", [])) passOn.flushHeaders.apply(res, []);
  };
  res.write = function write(...args: unknown[]) {
    return hold("write", args) ? false : passOn.write.apply(res, args);
  } as ServerResponse["write"];
  res.end = function end(...args: unknown[]) {
    return hold("end", args) ? res : passOn.end.apply(res, args);
  } as ServerResponse["end"];
}

/** What cannot even be looked at, such as a value that no codec takes, is for the save to fail at. */
function dueOrFailing(isDue: () => boolean): boolean {
  try {
    return isDue();
  } catch {
    return true;
  }
}

/**
 * Applies status and headers of `writeHead` to the response, as `writeHead` itself would, so that a cookie can
 * be added to them: headers that it is called with would take the place of those that were set before.
 *
 * @returns the arguments that are left for `writeHead`.
 */
function setHead(res: ServerResponse, args: unknown[]): unknown[] {
  const [status, message] = args as [number, unknown];
  const headers = (typeof message === "string" ? args[2] : message) as
    | OutgoingHttpHeaders
    | OutgoingHttpHeader[]
    | undefined;
  res.statusCode = status;
  if (Array.isArray(headers)) {
    const pairs = headers.flat() as (string | number)[]; // [name, value, …] or [[name, value], …]
    for (let at = 0; at < pairs.length; at += 2) res.removeHeader(String(pairs[at]));
    for (let at = 0; at + 1 < pairs.length; at += 2)
      res.appendHeader(String(pairs[at]), String(pairs[at + 1]));
  } else {
    for (const [name, value] of Object.entries(headers ?? {}))
      if (value !== undefined) res.setHeader(name, value);
  }
  return typeof message === "string" ? [status, message] : [status];
}

/** Adds the cookie to those that the app sets, and keeps caches from handing it to others. */
function addCookie(res: ServerResponse, cookie: string): void {
  const others = res.getHeader("set-cookie") ?? [];
  res.setHeader("set-cookie", [...(Array.isArray(others) ? others : [String(others)]), cookie]);
  res.setHeader("cache-control", "no-store");
}

/** Answers in place of the app, which could not be given a session or whose session could not be saved. */
export function answer500(res: ServerResponse): void {
  const body = "Internal Server Error\n";
  for (const name of BODY_HEADERS) res.removeHeader(name);
  res.setHeader("content-type", "text/plain; charset=utf-8");
  res.setHeader("content-length", Buffer.byteLength(body));
  res.setHeader("cache-control", "no-store");
  res.statusCode = 500;
  res.statusMessage = "Internal Server Error";
  res.end(body); // to a HEAD request, node:http sends the head alone
}
