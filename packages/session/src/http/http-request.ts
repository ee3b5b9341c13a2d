/** The parts of a request that the manager reads: of `node:http`, `node:http2` and frameworks on them, or a `Request`. */
export interface RequestHead {
  headers: Readonly<Record<string, string | string[] | undefined>> | { get(name: string): string | null };
}

/** The request that `client` describes. A framework's own request has more properties. */
export interface ClientRequest extends RequestHead {
  /** The client's address, set by Express, Koa and Fastify with their proxy settings. */
  ip?: string;
  /** The connection, which may be from a proxy. */
  socket?: { remoteAddress?: string | undefined };
}

/** The client in a user's list of sessions. */
export interface ClientDescription {
  /** For example "Firefox on Linux". */
  device?: string | undefined;
  /** For example "Lisbon, Portugal", or an address. */
  location?: string | undefined;
}

/** Returns the value of a header, `name` in lower case. Joins several values as `node:http` does. */
export function headerOf({ headers }: RequestHead, name: string): string | undefined {
  if (typeof headers.get === "function") return headers.get(name) ?? undefined;
  const value = (headers as Record<string, string | string[] | undefined>)[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

/**
 * Returns whether the client used https, according to the TLS connection, the proxy settings of Express, Koa and Fastify,
 * the URL of a `Request` or, if proxies are trusted, `X-Forwarded-Proto`.
 */
export function isSecure(request: RequestHead, trustProxy: boolean): boolean {
  const asked = request as {
    secure?: unknown; // Express, Koa
    protocol?: unknown; // Fastify
    socket?: { encrypted?: unknown };
    url?: unknown;
  };
  if (asked.secure === true || asked.protocol === "https" || asked.socket?.encrypted === true) return true;
  if (typeof asked.url === "string" && asked.url.startsWith("https://")) return true;
  if (!trustProxy) return false;
  const [proto = ""] = (headerOf(request, "x-forwarded-proto") ?? "").split(",");
  return proto.trim().toLowerCase() === "https";
}

/** Returns the requested path and query, even if a framework has removed the path of its mount point. */
export function urlOf(request: object): string | undefined {
  const { originalUrl, url } = request as { originalUrl?: unknown; url?: unknown };
  if (typeof originalUrl === "string") return originalUrl;
  return typeof url === "string" ? url : undefined;
}
