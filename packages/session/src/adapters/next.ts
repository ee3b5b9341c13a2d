import type { RequestHead } from "../http/http-request.js";
import type { TokenCookie } from "../http/token-transport.js";
import type { Session } from "../session.js";
import { engineOf, type SessionManager } from "../session-manager.js";

/** The cookie store that `cookies()` of `next/headers` returns, as far as it is used. */
export interface NextCookiesLike {
  get(name: string): { value: string } | undefined;
  set(cookie: TokenCookie): unknown;
}

/** A session without the methods that change it, for Server Components. */
export type ReadonlySession<T extends object = Record<string, unknown>> = Pick<
  Session<T>,
  "get" | "has" | "keys" | "id" | "handle" | "deadline"
>;

/** The sessions of a Next.js application. */
export interface NextSessions<T extends object> {
  /** Returns the session of the request, for reading: in Server Components, Server Functions and Route Handlers. */
  session(): Promise<ReadonlySession<T>>;
  /**
   * Runs `work` on the session of the request, saves the session and sets its cookie: in Server Functions and Route
   * Handlers. A `redirect()` in `work` happens after the save. If `work` throws anything else, drops its changes, but
   * still ends a session that it destroyed.
   *
   * @returns the result of `work`.
   * @throws TypeError in a Server Component, before anything is saved. StoreError if the store fails.
   */
  change<R>(work: (session: Session<T>) => R | Promise<R>): Promise<R>;
  /**
   * Restarts the idle timeout, if there is one, unless a browser prefetches the page. Call it in `proxy.ts`, and leave out
   * the prefetches of Next.js, whose header the proxy does not see, by
   * `missing: [{ type: "header", key: "next-router-prefetch" }]` in its matcher.
   */
  touch(request: RequestHead): Promise<undefined>;
}

/**
 * Makes functions that read and change the sessions of an app with the App Router of Next.js:
 *
 *     import { cookies } from "next/headers";
 *     export const { session, change, touch } = nextSessions(sessions, { cookies });
 *
 * @throws TypeError if the manager's tokens do not travel in a cookie, or it binds sessions to devices.
 */
export function nextSessions<T extends object, D>(
  sessions: SessionManager<T, D>,
  { cookies }: { cookies: () => Promise<NextCookiesLike> },
): NextSessions<T> {
  if (typeof cookies !== "function")
    throw new TypeError('nextSessions needs cookies: import { cookies } from "next/headers"');
  const name = sessions.cookieName;
  if (engineOf(sessions).deviceBound !== undefined)
    throw new TypeError("nextSessions cannot prove devices: create its manager without deviceBound");
  if (name === "") throw new TypeError("nextSessions needs a manager whose tokens are in a cookie");
  const read = new WeakMap<NextCookiesLike, Promise<ReadonlySession<T>>>();
  return {
    async session() {
      const store = await cookies();
      const known = read.get(store);
      if (known !== undefined) return known;
      const opened = sessions.load(store.get(name)?.value).then(readonly);
      read.set(store, opened);
      return opened;
    },
    async change(work) {
      const store = await cookies();
      const session = await sessions.load(store.get(name)?.value);
      const outcome = await settle(() => work(session));
      if ("error" in outcome && !isRedirect(outcome.error) && session.status !== "destroyed")
        throw outcome.error;
      if (session.status !== "unmodified") assertWritable(store, sessions.tokenHeader(session).cookie);
      const header = await sessions.commit(session);
      if (header?.cookie !== undefined) store.set(header.cookie);
      read.delete(store);
      if ("error" in outcome) throw outcome.error;
      return outcome.value;
    },
    async touch(request) {
      await sessions.touch(request);
      return undefined; // tells Next.js to continue with the request
    },
  };
}

type Outcome<R> = { value: R } | { error: unknown };

async function settle<R>(work: () => R | Promise<R>): Promise<Outcome<R>> {
  try {
    return { value: await work() };
  } catch (error) {
    return { error };
  }
}

/** Returns whether an error is that of `redirect()` of `next/navigation`. */
function isRedirect(error: unknown): boolean {
  return String((error as { digest?: unknown } | null)?.digest).startsWith("NEXT_REDIRECT");
}

/** Throws where Next.js accepts no cookies, before anything is saved, by setting the client's cookie to its old value. */
function assertWritable(store: NextCookiesLike, cookie: TokenCookie | undefined): void {
  if (cookie === undefined) return;
  try {
    store.set(cookie);
  } catch (cause) {
    throw new TypeError(
      "a Server Component cannot change a session: call change() in a Server Function or a Route Handler",
      { cause },
    );
  }
}

function readonly<T extends object>(session: Session<T>): ReadonlySession<T> {
  return {
    get: (key) => session.get(key),
    has: (key) => session.has(key),
    keys: () => session.keys(),
    id: session.id,
    handle: session.handle,
    deadline: session.deadline,
  };
}
