import { setImmediate } from "node:timers/promises";
import { refuse } from "../http/framework-advice.js";
import type { RequestSession } from "../http/request-session.js";
import { type EndpointAnswer, isForCaches, type TokenHeader } from "../http/response-head.js";
import type { Session } from "../session.js";
import { SessionError } from "../session-error.js";
import { reportTo, requestsOf, type SessionManager } from "../session-manager.js";

/** A `Request` of the Fetch standard, as far as the handlers use it. */
export interface FetchRequest {
  url: string;
  method?: string;
  headers: { get(name: string): string | null };
}

/**
 * Makes a handler for Bun and Deno of one whose requests have sessions:
 *
 *     Bun.serve({ fetch: fetchHandler(sessions, (request) => new Response(sessions.get(request).get("userId"))) });
 *
 * Passes on the arguments after the request, such as `env` and `params`. `sessions.get` also accepts a copy of the
 * request, which middleware may have made. See {@link withSession}.
 */
export function fetchHandler<T extends object, D, Q extends FetchRequest, A extends unknown[]>(
  sessions: SessionManager<T, D>,
  handler: (request: Q, ...rest: A) => Response | Promise<Response>,
): (request: Q, ...rest: A) => Promise<Response> {
  return (request, ...rest) => {
    if (typeof request?.url !== "string" || typeof request.headers?.get !== "function")
      return refuse("fetchHandler(sessions, handler)", "handlers of Request", [request, ...rest]);
    return withSession(sessions, request, () => handler(request, ...rest));
  };
}

/**
 * Loads the session of a request, calls `answer`, saves the session, and returns the response, with the session's
 * cookie if it changed. Changing the session later, while a body streams, is an error.
 *
 * If the store fails, returns a 500 and calls `onError`. If `answer` throws, drops its changes and rethrows, but still
 * ends a session that it destroyed. Treats a thrown `Response`, as in React Router, like a returned one. Returns any other
 * result unchanged, such as Bun's for a WebSocket; it cannot carry a cookie, so calls `onError` if the cookie changed.
 */
export async function withSession<T extends object, D>(
  sessions: SessionManager<T, D>,
  request: FetchRequest,
  answer: (session: Session<T>) => Response | Promise<Response>,
): Promise<Response> {
  const requests = requestsOf(sessions);
  const { pathname, search } = new URL(request.url, "http://localhost");
  const own = requests.answerOf(request, request.method, pathname);
  if (own !== undefined) return responseOf(await own);
  let opened: RequestSession<T>;
  try {
    opened = await requests.open(request);
  } catch (error) {
    reportTo(sessions, error as Error);
    return errorPage();
  }
  if (opened.isHeld) return answer(opened.session); // an outer handler saves it
  opened.isHeld = true;
  const retry = opened.retryOf(pathname + search);
  if (retry !== undefined) return responseOf(retry);
  try {
    return await save(opened, await requests.runFor(opened, () => answer(opened.session)));
  } catch (thrown) {
    if (isResponse(thrown)) throw await save(opened, thrown);
    if (opened.header() !== undefined) opened.report(tooLate()); // the app renewed the session and committed it itself
    await opened.drop().catch((error: Error) => reportTo(sessions, error));
    throw thrown;
  }
}

async function save<T extends object>(opened: RequestSession<T>, response: Response): Promise<Response> {
  let failure: unknown;
  let own: readonly TokenHeader[] = [];
  try {
    if (!opened.isDue) return response;
    await opened.save();
  } catch (error) {
    failure = error ?? new Error("saving a session failed");
  } finally {
    opened.close();
  }
  try {
    // The client must get a token that was saved before this save failed.
    const header = opened.header();
    if (header !== undefined) own = [[opened.responseHeader, header], ...opened.moreHeaders()];
    if (failure !== undefined) throw failure;
    if (own.length === 0) return response;
    if (canTakeHeaders(response)) return await addTo(response, own);
    opened.report(tooLate());
    return response;
  } catch (error) {
    opened.report((failure ?? error) as Error);
    if (!isResponse(response)) return response;
    if (response.body?.locked === false) response.body.cancel().catch(() => undefined); // the body will not be read
    return errorPage(own);
  }
}

function isResponse(value: unknown): value is Response {
  const { status, headers } = (value ?? {}) as Partial<Response>;
  return typeof status === "number" && typeof headers?.append === "function";
}

/**
 * Returns whether a response's headers will reach the client: not if the response was already sent, or upgraded the
 * connection.
 */
function canTakeHeaders(response: Response): boolean {
  if (!isResponse(response) || response.headers.has("x-hono-already-sent")) return false;
  return response.status !== 101 || isMutable(response);
}

/**
 * Adds headers to a copy of a response: the app may answer other visitors with the same object. A response that upgrades
 * the connection cannot be copied, nor used twice.
 *
 * @throws if the body was used or fails, because then neither the response nor its headers would be sent.
 */
async function addTo(response: Response, own: readonly TokenHeader[]): Promise<Response> {
  if (response.bodyUsed || response.body?.locked)
    throw new TypeError("the body of the response was already used");
  const answer = response.status === 101 ? response : new Response(response.body, response);
  await expectFirstChunk(answer);
  for (const name of [...answer.headers.keys()].filter(isForCaches)) answer.headers.delete(name);
  for (const [name, value] of own) {
    if (name === "set-cookie") answer.headers.append(name, value);
    else answer.headers.set(name, value);
  }
  answer.headers.set("cache-control", "no-store");
  return answer;
}

/** Rejects if the body fails at once. Does not wait for a first chunk that comes later. */
async function expectFirstChunk(response: Response): Promise<void> {
  if (response.body === null) return;
  const reader = response.clone().body?.getReader();
  await Promise.race([reader?.read(), setImmediate()]);
  reader?.cancel().catch(() => undefined);
}

function isMutable({ headers }: Response): boolean {
  try {
    headers.delete("x-no-header");
    return true;
  } catch {
    return false;
  }
}

function responseOf({ status, headers, body }: EndpointAnswer): Response {
  return new Response(body, {
    status,
    headers: headers.map(([name, value]): [string, string] => [name, value]),
  });
}

function errorPage(own: readonly TokenHeader[] = []): Response {
  const headers = new Headers(own.map(([name, value]): [string, string] => [name, value]));
  headers.set("content-type", "text/plain; charset=utf-8");
  headers.set("cache-control", "no-store");
  return new Response("Internal Server Error\n", { status: 500, headers });
}

function tooLate(): SessionError {
  return new SessionError(
    "TOO_LATE",
    "a session's cookie could not be set, because the handler did not return a Response that can carry it: begin, renew and destroy sessions in a request that is answered with a Response",
  );
}
