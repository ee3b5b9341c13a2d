import type { RequestSession } from "./http/request-session.js";
import type { Session } from "./session.js";
import { reportTo, requestsOf, type SessionManager } from "./session-manager.js";

/** What is read of a `Request`: the standard's own, and those that look like it. */
export interface FetchRequest {
  url: string;
  headers: { get(name: string): string | null };
}

/**
 * Makes a handler of `Request` and `Response`, as Hono, Bun, Deno, Next.js, SvelteKit and React Router have them,
 * one whose requests have sessions:
 *
 *     Bun.serve({ fetch: fetchHandler(sessions, (request) => new Response(sessions.get(request).get("userId"))) });
 *
 * What else the framework passes on (`env`, `params`) comes after the request. See {@link withSession}.
 */
export function fetchHandler<T extends object, D, Q extends FetchRequest, A extends unknown[]>(
  sessions: SessionManager<T, D>,
  handler: (request: Q, ...rest: A) => Response | Promise<Response>,
): (request: Q, ...rest: A) => Promise<Response> {
  return (request, ...rest) => withSession(sessions, request, () => handler(request, ...rest));
}

/**
 * Loads the session of a request, lets `answer` make the response, and gives that when the session is saved, with
 * the cookie that it needs. From then on, while a body streams, changes of the session are errors.
 *
 * A store that fails becomes a 500, and an error to `onError`. What `answer` throws goes on to the caller, and
 * changes are dropped, but a session that was destroyed is ended. A `Response` that is thrown, as in React
 * Router, counts as one that is given.
 */
export async function withSession<T extends object, D>(
  sessions: SessionManager<T, D>,
  request: FetchRequest,
  answer: (session: Session<T>) => Response | Promise<Response>,
): Promise<Response> {
  const requests = requestsOf(sessions);
  let opened: RequestSession<T>;
  try {
    opened = await requests.open(request);
  } catch (error) {
    reportTo(sessions, error as Error);
    return failure();
  }
  if (opened.isHeld) return answer(opened.session); // by a handler around this one
  opened.isHeld = true;
  try {
    return await save(opened, await requests.run(opened.session, () => answer(opened.session)));
  } catch (thrown) {
    if (thrown instanceof Response) throw await save(opened, thrown);
    await opened.drop().catch((error: Error) => reportTo(sessions, error));
    throw thrown;
  }
}

async function save<T extends object>(opened: RequestSession<T>, response: Response): Promise<Response> {
  try {
    const header = opened.isDue ? await opened.save() : undefined;
    return header === undefined ? response : told(response, opened.responseHeader, header);
  } catch (error) {
    opened.report(error as Error);
    void response.body?.cancel().catch(() => undefined); // nobody will read it
    // What was saved before it failed, such as a new token, the client must know all the same.
    const header = opened.take();
    return header === undefined ? failure() : told(failure(), opened.responseHeader, header);
  } finally {
    opened.close();
  }
}

/** The response with the header that tells the client its token. Those of `fetch` and `redirect` take none. */
function told(response: Response, name: string, value: string): Response {
  const answer = takesHeaders(response) ? response : new Response(response.body, response);
  if (name === "set-cookie") answer.headers.append(name, value);
  else answer.headers.set(name, value);
  answer.headers.set("cache-control", "no-store");
  return answer;
}

function takesHeaders({ headers }: Response): boolean {
  try {
    headers.set("cache-control", "no-store");
    return true;
  } catch {
    return false;
  }
}

function failure(): Response {
  const headers = { "content-type": "text/plain; charset=utf-8", "cache-control": "no-store" };
  return new Response("Internal Server Error\n", { status: 500, headers });
}
