/** What the manager reads of a request: of `node:http`, `node:http2` and all that is built on them, or a `Request`. */
export interface RequestHead {
  headers: Readonly<Record<string, string | string[] | undefined>> | { get(name: string): string | null };
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
