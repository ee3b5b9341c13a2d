import { setImmediate } from "node:timers/promises";
import { refuse } from "../http/framework-advice.js";
import type { RequestSession } from "../http/request-session.js";
import type { EndpointAnswer, TokenHeader } from "../http/response-head.js";
import type { Session } from "../session.js";
import { SessionError } from "../session-error.js";
import { reportTo, requestsOf, type SessionManager } from "../session-manager.js";

/** What is read of a `Request`: the standard's own, and those that look like it. */
export interface FetchRequest {
  url: string;
  method?: string;
  headers: { get(name: string): string | null };
}

/**
 * Makes a handler of `Request` and `Response`, as Hono, Bun, Deno, Next.js, SvelteKit and React Router have them,
 * one whose requests have sessions:
 *
 *     Bun.serve({ fetch: fetchHandler(sessions, (request) => new Response(sessions.get(request).get("userId"))) });
 *
 * What else the framework passes on (`env`, `params`) comes after the request. `sessions.get` knows the session by a
 * copy of the request as well, such as middleware makes. See {@link withSession}.
 */
export function fetchHandler<T extends object, D, Q extends FetchRequest, A extends unknown[]>(
  sessions: SessionManager<T, D>,
  handler: (request: Q, ...rest: A) => Response | Promise<Response>,
): (request: Q, ...rest: A) => Promise<Response> {
  return (request, ...rest) => {
    if (typeof request?.headers?.get !== "function")
      return refuse("fetchHandler(sessions, handler)", "handlers of Request", [request, ...rest]);
    return withSession(sessions, request, () => handler(request, ...rest));
  };
}

/**
 * Loads the session of a request, lets `answer` make the response, and gives that when the session is saved, with
 * the cookie that it needs. From then on, while a body streams, changes of the session are errors.
 *
 * A store that fails becomes a 500, and an error to `onError`. What `answer` throws goes on to the caller, and
 * changes are dropped, but a session that was destroyed is ended. A `Response` that is thrown, as in React
 * Router, counts as one that is given. What is no `Response`, such as Bun has it for a WebSocket, is passed on; it can
 * take no cookie to the client, which `onError` hears if one was due.
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
  if (opened.isHeld) return answer(opened.session); // by a handler around this one
  opened.isHeld = true;
  const retry = opened.retryOf(pathname + search);
  if (retry !== undefined) return responseOf(retry);
  try {
    return await save(opened, await requests.runFor(opened, () => answer(opened.session)));
  } catch (thrown) {
    if (isResponse(thrown)) throw await save(opened, thrown);
    if (opened.header() !== undefined) opened.report(tooLate()); // a renewal that the app has committed itself
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
    // What was saved before a save failed, such as a new token, the client must know all the same.
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
    if (response.body?.locked === false) response.body.cancel().catch(() => undefined); // nobody will read it
    return errorPage(own);
  }
}

function isResponse(value: unknown): value is Response {
  const { status, headers } = (value ?? {}) as Partial<Response>;
  return typeof status === "number" && typeof headers?.append === "function";
}

/** Whether a client will see headers of a response: not if it was sent otherwise, such as by an upgraded connection. */
function canTakeHeaders(response: Response): boolean {
  if (!isResponse(response) || response.headers.has("x-hono-already-sent")) return false;
  return response.status !== 101 || isMutable(response);
}

/**
 * Returns the response with headers added. Those of `fetch` and `redirect` take none: they are copied.
 *
 * @throws what tells that the response will not leave as it is, so that its headers would not either
 */
async function addTo(response: Response, own: readonly TokenHeader[]): Promise<Response> {
  if (response.bodyUsed || response.body?.locked)
    throw new TypeError("the body of the response is used already");
  const answer = isMutable(response) ? response : new Response(response.body, response);
  await expectFirstChunk(answer);
  for (const [name, value] of own) {
    if (name === "set-cookie") answer.headers.append(name, value);
    else answer.headers.set(name, value);
  }
  answer.headers.set("cache-control", "no-store");
  return answer;
}

/** Fails if the body does, before its first byte. It is not waited for if it comes later. */
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
    "a session's cookie could not be set, since the handler gave no Response that could carry it: begin, renew and destroy sessions in a request that is answered with one",
  );
}
