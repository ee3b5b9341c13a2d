import { randomBytes, timingSafeEqual } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Target } from "../stores/target.js";
import { RequestError } from "./request-error.js";
import { Routes } from "./routes.js";
import { Scanner } from "./scanner.js";

/** A running inspector. */
export interface Inspector {
  /** URL of the page, including the secret. */
  url: string;
  /** Resolves when all sessions have been read once. */
  ready: Promise<void>;
  close(): Promise<void>;
}

/** Options of the inspector. */
export interface InspectorOptions {
  /** 0: any free port. @default 0 */
  port?: number;
  /** Minimum time between two scans of all sessions, in ms. @default 10_000 */
  minPauseMs?: number;
}

const FILES: Readonly<Record<string, [file: string, type: string]>> = {
  "": ["inspector.html", "text/html; charset=utf-8"],
  "inspector.css": ["inspector.css", "text/css; charset=utf-8"],
  "inspector.js": ["inspector.js", "text/javascript; charset=utf-8"],
};

const HEADERS = {
  "Content-Security-Policy":
    "default-src 'none'; img-src data:; style-src 'self'; script-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  "Referrer-Policy": "no-referrer", // the address is a secret
  "X-Content-Type-Options": "nosniff",
  "Cross-Origin-Opener-Policy": "same-origin",
  "Cross-Origin-Resource-Policy": "same-origin",
  "Cache-Control": "no-store",
};

/**
 * Serves a page on the loopback interface that lists and ends the sessions of a store. Refuses requests without the
 * secret, and requests from pages of other sites.
 */
export async function startInspector(
  target: Target,
  { port = 0, minPauseMs = 10_000 }: InspectorOptions = {},
): Promise<Inspector> {
  const secret = randomBytes(24).toString("base64url");
  const scanner = new Scanner(target, minPauseMs);
  const routes = new Routes(target, scanner);
  const server = createServer((req, res) => {
    respond(req, res, secret, routes).catch((error: unknown) => refuse(res, error));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject).listen(port, "127.0.0.1", resolve);
  });
  const address = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url: `http://${address}/${secret}/`,
    ready: scanner.scan(),
    async close() {
      scanner.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

async function respond(
  req: IncomingMessage,
  res: ServerResponse,
  secret: string,
  routes: Routes,
): Promise<void> {
  for (const [name, value] of Object.entries(HEADERS)) res.setHeader(name, value);
  assertOwn(req);
  const { pathname, searchParams } = new URL(req.url ?? "/", "http://127.0.0.1");
  const [, given = "", ...rest] = pathname.split("/");
  if (!isSame(given, secret)) throw nothingHere();
  const path = rest.join("/");
  if (req.method === "GET" && path === "api/events") return routes.streamSummary(res);
  const [file, type] = (req.method === "GET" && Object.hasOwn(FILES, path) && FILES[path]) || [];
  if (file !== undefined && type !== undefined) {
    res.setHeader("Content-Type", type);
    res.end(await readFile(new URL(`../../assets/${file}`, import.meta.url)));
    return;
  }
  const answer = path.startsWith("api/") ? await routes.answer(req, path.slice(4), searchParams) : undefined;
  if (answer === undefined) throw nothingHere();
  res.setHeader("Content-Type", "application/json");
  res.end(JSON.stringify(answer));
}

function nothingHere(): RequestError {
  return new RequestError(404, "There is nothing here.");
}

/** Refuses requests to a foreign host name (DNS rebinding), and requests from pages of other sites. */
function assertOwn({ headers }: IncomingMessage): void {
  const host = headers.host ?? "";
  const isOwnHost = /^(127\.0\.0\.1|localhost):\d+$/.test(host);
  const isOwnOrigin = headers.origin === undefined || headers.origin === `http://${host}`;
  if (!isOwnHost || !isOwnOrigin) throw new RequestError(403, "This page is only available on this machine.");
}

function isSame(given: string, secret: string): boolean {
  const [a, b] = [Buffer.from(given), Buffer.from(secret)];
  return a.length === b.length && timingSafeEqual(a, b);
}

function refuse(res: ServerResponse, error: unknown): void {
  if (res.headersSent) return void res.destroy();
  const status = error instanceof RequestError ? error.status : 500;
  const message = error instanceof Error ? error.message : "An unexpected error occurred.";
  res.writeHead(status, { "Content-Type": "application/json" });
  res.end(JSON.stringify({ error: message }));
}
