/** What the manager reads of a request: of `node:http`, `node:http2` and all that is built on them, or a `Request`. */
export interface RequestHead {
  headers: Readonly<Record<string, string | string[] | undefined>> | { get(name: string): string | null };
}

/** What there is to describe a client by. A framework's own request has more. */
export interface ClientRequest extends RequestHead {
  /** The client's address, as Express, Koa and Fastify know it by their setting for proxies. */
  ip?: string;
  /** The connection, which may be a proxy's. */
  socket?: { remoteAddress?: string | undefined };
}

/** What a user's list of sessions shows of a client. */
export interface ClientDescription {
  /** Such as "Firefox on Linux". */
  device?: string | undefined;
  /** Such as "Lisbon, Portugal", or an address. */
  location?: string | undefined;
}

/** The value of a header, `name` in lower case; of several, as `node:http` joins them. */
export function headerOf({ headers }: RequestHead, name: string): string | undefined {
  if (typeof headers.get === "function") return headers.get(name) ?? undefined;
  const value = (headers as Record<string, string | string[] | undefined>)[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

/**
 * Whether the client asked by https: on a connection of TLS, as Express, Koa and Fastify say by their own setting
 * for proxies, by the URL of a `Request`, or, if proxies are trusted, as the one next to the client has said.
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

/** Returns the path and query that the client asked for, also where a framework has cut the path that it is mounted at. */
export function urlOf(request: object): string | undefined {
  const { originalUrl, url } = request as { originalUrl?: unknown; url?: unknown };
  if (typeof originalUrl === "string") return originalUrl;
  return typeof url === "string" ? url : undefined;
}
