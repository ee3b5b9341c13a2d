import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from "node:http";

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

/**
 * Applies status and headers of `writeHead` to the response, as `writeHead` itself would, so that a cookie can
 * be added to them: headers that it is called with would take the place of those that were set before.
 *
 * @returns the arguments that are left for `writeHead`.
 */
export function setHead(res: ServerResponse, args: unknown[]): unknown[] {
  const [status, message] = args as [number, unknown];
  if (!(status >= 100 && status < 1000)) {
    throw Object.assign(new RangeError(`Invalid status code: ${status}`), {
      code: "ERR_HTTP_INVALID_STATUS_CODE",
    });
  }
  const headers = (args[2] ?? (typeof message === "string" ? undefined : message)) as
    | OutgoingHttpHeaders
    | OutgoingHttpHeader[]
    | undefined;
  res.statusCode = status;
  if (Array.isArray(headers)) {
    const pairs = pairsOf(headers);
    for (const [name] of pairs) res.removeHeader(name);
    for (const [name, value] of pairs)
      res.appendHeader(name, Array.isArray(value) ? [...value] : (value as string));
  } else {
    for (const [name, value] of Object.entries(headers ?? {}))
      if (value !== undefined) res.setHeader(name, value);
  }
  return typeof message === "string" ? [status, message] : [status];
}

/** `[name, value, …]` or `[[name, value], …]`; a value may be an array of its own. */
function pairsOf(headers: unknown[]): [string, OutgoingHttpHeader][] {
  if (Array.isArray(headers[0])) return headers as [string, OutgoingHttpHeader][];
  return headers.flatMap((name, at) =>
    at % 2 === 0 ? [[name, headers[at + 1]] as [string, OutgoingHttpHeader]] : [],
  );
}

/** Adds the header that tells the client its token, and keeps caches from handing that to others. */
export function addHeader(res: ServerResponse, name: string, value: string): void {
  if (name === "set-cookie") {
    const set = [res.getHeader(name) ?? []].flat().map(String);
    // An app that commits a session itself may have set its cookie, too.
    const others = set.filter((other) => !other.startsWith(value.slice(0, value.indexOf("=") + 1)));
    res.setHeader(name, [...others, value]);
  } else res.setHeader(name, value);
  res.setHeader("cache-control", "no-store");
}

/**
 * Answers in place of the app, which could not be given a session or whose session could not be saved.
 *
 * @param end how, past other middleware on top, which may have ended already
 * @param header what the client is to know all the same
 */
export function answer500(
  res: ServerResponse,
  end: (body: string) => unknown = res.end,
  header?: [name: string, value: string] | "",
): void {
  const body = "Internal Server Error\n";
  for (const name of BODY_HEADERS) res.removeHeader(name);
  if (header) addHeader(res, ...header);
  res.setHeader("content-type", "text/plain; charset=utf-8");
  res.setHeader("content-length", Buffer.byteLength(body));
  res.setHeader("cache-control", "no-store");
  res.statusCode = 500;
  if (res.req?.httpVersionMajor !== 2) res.statusMessage = "Internal Server Error"; // HTTP/2 has none
  end.call(res, body); // to a HEAD request, node:http sends the head alone
}
