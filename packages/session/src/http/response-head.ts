import type { OutgoingHttpHeaders, ServerResponse } from "node:http";

/** A header, such as the one with the client's token. */
export type TokenHeader = readonly [name: string, value: string];

/** An answer of the manager in place of the app. */
export interface EndpointAnswer {
  status: number;
  headers: readonly TokenHeader[];
  body: string;
}

/** Headers that describe or replace the app's body, which the error page must not keep. */
const BODY_HEADERS: ReadonlySet<string> = new Set([
  "accept-ranges",
  "content-digest",
  "content-disposition",
  "content-encoding",
  "content-language",
  "content-length",
  "content-location",
  "content-md5",
  "content-range",
  "content-type",
  "digest",
  "etag",
  "expires",
  "last-modified",
  "location",
  "refresh",
  "repr-digest",
  "set-cookie",
  "trailer",
  "transfer-encoding",
  "x-accel-redirect",
  "x-sendfile",
]);

/** Returns whether a header tells caches to store a response; some obey the targeted ones only (RFC 9213). */
export function isForCaches(name: string): boolean {
  return name === "cache-control" || name.endsWith("-cache-control") || name === "surrogate-control";
}

const isOfBody = (name: string): boolean => BODY_HEADERS.has(name) || isForCaches(name);

export const ERROR_PAGE = "Internal Server Error\n";

const ERROR_HEADERS: readonly TokenHeader[] = [
  ["content-type", "text/plain; charset=utf-8"],
  ["content-length", String(Buffer.byteLength(ERROR_PAGE))],
  ["cache-control", "no-store"],
];

/** Returns whether this header replaces one of the app: a single header, or the same cookie. */
function isReplaced(name: string, value: string, [ownName, ownValue]: TokenHeader): boolean {
  if (name !== ownName) return isForCaches(name); // caches must not hand the token to others
  // An app that commits a session itself may have set its cookie as well.
  return name !== "set-cookie" || cookieKeyOf(value) === cookieKeyOf(ownValue);
}

/** Returns what distinguishes a cookie for browsers: its name, domain and path (RFC 6265, section 5.3). */
function cookieKeyOf(setCookie: string): string {
  const name = setCookie.slice(0, setCookie.indexOf("=")).trim();
  const [domain, path] = [DOMAIN, PATH].map((attribute) => attribute.exec(setCookie)?.[1]?.trim());
  return [name, domain?.toLowerCase(), path].join(";");
}

const [DOMAIN, PATH] = [/;\s*domain=([^;]*)/i, /;\s*path=([^;]*)/i];

/** Adds headers to a composed head of HTTP/1. */
export function addToHead(head: string, headers: readonly TokenHeader[]): string {
  const [status = "", ...lines] = linesOf(head);
  const kept = lines.filter((line) => !headers.some((own) => isReplaced(...splitLine(line), own)));
  return headOf(status, kept, [...headers, ["cache-control", "no-store"]]);
}

/** Turns a composed head of HTTP/1 into that of the error page, without the headers that describe the body. */
export function errorHead(head: string, headers: readonly TokenHeader[]): string {
  const [, ...lines] = linesOf(head);
  const kept = lines.filter((line) => {
    const [name] = splitLine(line);
    return !isOfBody(name);
  });
  return headOf("HTTP/1.1 500 Internal Server Error", kept, [...headers, ...ERROR_HEADERS]);
}

function linesOf(head: string): string[] {
  return head.split("\r\n").filter((line) => line !== "");
}

function splitLine(line: string): [name: string, value: string] {
  const colon = line.indexOf(":");
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()];
}

function headOf(status: string, lines: readonly string[], headers: readonly TokenHeader[]): string {
  const added = headers.map(([name, value]) => `${name}: ${value}`);
  return [status, ...lines, ...added, "", ""].join("\r\n");
}

/** Returns the headers to set, by name, on a response with `current` headers, named in lower case. */
export function headersToSet(
  current: OutgoingHttpHeaders,
  headers: readonly TokenHeader[],
): Record<string, string | string[]> {
  const changed: Record<string, string | string[]> = {};
  for (const own of headers) {
    const [name, value] = own;
    const present = name === "set-cookie" ? [changed[name] ?? current[name] ?? []].flat().map(String) : [];
    const kept = present.filter((other) => !isReplaced(name, other, own));
    changed[name] = kept.length > 0 ? [...kept, value] : value;
  }
  return headers.length > 0 ? { ...changed, "cache-control": "no-store" } : changed;
}

/** Sets headers on the head of a response. Header names are in lower case. */
export function setHeaders(head: OutgoingHttpHeaders, headers: readonly TokenHeader[]): void {
  if (headers.length > 0) for (const name of Object.keys(head).filter(isForCaches)) delete head[name];
  Object.assign(head, headersToSet(head, headers));
}

/** Replaces headers by the headers of the error page. Header names are in lower case. */
export function setErrorHeaders(headers: OutgoingHttpHeaders, own: readonly TokenHeader[]): void {
  for (const name of Object.keys(headers).filter(isOfBody)) delete headers[name];
  Object.assign(headers, headersToSet(headers, own), Object.fromEntries(ERROR_HEADERS));
}

/** Adds headers to a response before its head is composed. */
export function addHeaders(res: ServerResponse, headers: readonly TokenHeader[]): void {
  const changed = headersToSet({ "set-cookie": res.getHeader("set-cookie") as string | string[] }, headers);
  if (headers.length > 0) for (const name of res.getHeaderNames().filter(isForCaches)) res.removeHeader(name);
  for (const [name, value] of Object.entries(changed)) res.setHeader(name, value);
}

/** Sets status and headers of the error page on a response before its head is composed. */
export function setErrorHead(res: ServerResponse, headers: readonly TokenHeader[]): void {
  for (const name of res.getHeaderNames().filter(isOfBody)) res.removeHeader(name);
  addHeaders(res, headers);
  for (const [name, value] of ERROR_HEADERS) res.setHeader(name, value);
  res.statusCode = 500;
  if (res.req?.httpVersionMajor !== 2) res.statusMessage = "Internal Server Error"; // HTTP/2 has none
}

/** Sends an answer of the manager in place of the app, unless the app has answered meanwhile, for example after a timeout. */
export function answerWith(res: ServerResponse, { status, headers, body }: EndpointAnswer): void {
  if (res.headersSent || res.writableEnded || res.destroyed) return;
  res.statusCode = status;
  for (const [name, value] of headers) res.setHeader(name, value);
  res.end(body);
}

/** Answers with a 500 in place of the app, because its session could not be loaded. */
export function answer500(res: ServerResponse): void {
  setErrorHead(res, []);
  res.end(ERROR_PAGE); // for a HEAD request, node:http sends only the head
}
