import type { IncomingMessage, ServerResponse } from "node:http";
import { headerOf, type RequestHead } from "./http/http-request.js";

/** The parts of a request that tell whether a page of another site sent it. */
export interface CrossOriginRequest extends RequestHead {
  method?: string | undefined;
  url?: string | undefined;
}

/** Options of the CSRF protection. */
export interface CsrfOptions {
  /** Other origins whose pages may send requests, such as `["https://admin.example.com"]`. @default none */
  trustedOrigins?: readonly string[];
  /** Returns whether to skip the check, for example for signed webhooks. @default none */
  exempt?: (request: never) => boolean;
}

/** Methods that change nothing (RFC 9110, section 9.2.1). */
const SAFE: ReadonlySet<string> = new Set(["GET", "HEAD", "OPTIONS", "TRACE"]);

/** Thrown for a request that a page of another site has sent. */
export class CsrfError extends Error {
  override readonly name = "CsrfError";
  readonly code = "CROSS_ORIGIN";
  readonly statusCode = 403;
  /** The status of the response, as named in Express. */
  readonly status = 403;

  constructor(why: string) {
    super(
      `a page of another origin sent the request (${why}); to allow it, add the origin to trustedOrigins`,
    );
  }
}

/**
 * Checks that no page of another site sent a request that may change something. Uses `Sec-Fetch-Site`, which all browsers
 * have sent since 2023 and no page can set, or `Origin` if that is missing. A request without either header comes from
 * no browser, or from one older than 2020.
 *
 * @throws CsrfError, which becomes a 403. TypeError if an option cannot work.
 */
export function csrfCheck({
  trustedOrigins = [],
  exempt,
}: CsrfOptions = {}): (request: CrossOriginRequest) => void {
  const trusted = new Set(trustedOrigins.map(checkedOrigin));
  if (exempt !== undefined && typeof exempt !== "function") throw new TypeError("exempt must be a function");
  return (request) => {
    if (isSafe(request) || exempt?.(request as never) === true) return;
    const origin = headerOf(request, "origin");
    if (origin !== undefined && trusted.has(origin)) return;
    const site = headerOf(request, "sec-fetch-site");
    // "none": the user navigated directly, for example by a bookmark. "same-site" includes pages of other subdomains.
    if (site === "same-origin" || site === "none") return;
    if (site !== undefined)
      throw new CsrfError(`Sec-Fetch-Site: ${site.slice(0, 32).replace(/[^\w-]/g, "?")}`);
    if (origin === undefined || isOfHost(origin, request)) return;
    throw new CsrfError("by its Origin");
  };
}

/**
 * Creates a middleware with {@link csrfCheck} for `node:http`, Connect and Express: `app.use(csrfProtection())`, before body
 * parsers. Passes the error of a refused request to `next`, or answers 403 if `next` takes no error.
 */
export function csrfProtection(
  options: CsrfOptions = {},
): (req: IncomingMessage, res: ServerResponse, next: (error?: unknown) => void) => void {
  const check = csrfCheck(options);
  return (req, res, next) => {
    try {
      check(req);
    } catch (error) {
      if (next.length > 0) return next(error);
      res.statusCode = 403;
      res.setHeader("content-type", "text/plain; charset=utf-8");
      res.end("Forbidden\n");
      return;
    }
    next();
  };
}

/** Recognizes the handshake of a WebSocket: a GET, although the connection may change anything. */
function isSafe(request: CrossOriginRequest): boolean {
  return SAFE.has(request.method ?? "GET") && headerOf(request, "upgrade") === undefined;
}

/** Compares only host and port: behind a TLS proxy, the server does not know the scheme. */
function isOfHost(origin: string, request: CrossOriginRequest): boolean {
  return URL.canParse(origin) && new URL(origin).host === hostOf(request);
}

function hostOf(request: CrossOriginRequest): string | undefined {
  const { url, headers } = request;
  const host = headerOf(request, "host");
  if (host !== undefined) return host;
  if (url !== undefined && URL.canParse(url)) return new URL(url).host; // a Request
  return typeof headers.get === "function" ? undefined : headerOf(request, ":authority"); // HTTP/2
}

function checkedOrigin(origin: string): string {
  if (URL.canParse(origin) && new URL(origin).origin === origin) return origin;
  throw new TypeError(
    `trustedOrigins: ${JSON.stringify(origin)} is not an origin such as "https://admin.example.com"`,
  );
}
