import type { RequestHead } from "../http/http-request.js";
import type { TokenCookie } from "../http/token-transport.js";
import type { Session } from "../session.js";
import type { SessionManager } from "../session-manager.js";

/** What is asked of what `cookies()` of `next/headers` gives. */
export interface NextCookiesLike {
  get(name: string): { value: string } | undefined;
  set(cookie: TokenCookie): unknown;
}

/** A session that is only read, as a Server Component may. */
export type ReadonlySession<T extends object = Record<string, unknown>> = Pick<
  Session<T>,
  "get" | "has" | "keys" | "id" | "handle" | "deadline"
>;

/** The sessions of a Next.js application. */
export interface NextSessions<T extends object> {
  /** Returns the session of the request, to be read: in Server Components, Server Functions and Route Handlers. */
  session(): Promise<ReadonlySession<T>>;
  /**
   * Runs `work` on the session of the request, saves it and sets its cookie: in Server Functions and Route Handlers. A
   * `redirect()` in `work` is carried out after the save. If `work` fails otherwise, its changes are dropped, but a
   * session that was destroyed is ended.
   *
   * @returns what `work` returns.
   * @throws TypeError in a Server Component, before anything is saved. StoreError if the store fails.
   */
  change<R>(work: (session: Session<T>) => R | Promise<R>): Promise<R>;
  /** For `proxy.ts`: notes that the session is in use, where an idle timeout runs; not for a prefetch. */
  touch(request: RequestHead): Promise<undefined>;
}

/**
 * Sessions for the App Router of Next.js:
 *
 *     import { cookies } from "next/headers";
 *     export const { session, change, touch } = nextSessions(sessions, { cookies });
 *
 * @throws TypeError if the manager's tokens come and go otherwise than by a cookie.
 */
export function nextSessions<T extends object, D>(
  sessions: SessionManager<T, D>,
  { cookies }: { cookies: () => Promise<NextCookiesLike> },
): NextSessions<T> {
  if (typeof cookies !== "function")
    throw new TypeError('nextSessions needs cookies: import { cookies } from "next/headers"');
  const name = sessions.cookieName;
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
      return undefined; // the proxy lets the request go on
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

/** Whether this is what `redirect()` of `next/navigation` throws. */
function isRedirect(error: unknown): boolean {
  return String((error as { digest?: unknown } | null)?.digest).startsWith("NEXT_REDIRECT");
}

/** Sets the cookie that the client has already: where Next.js lets nobody set one, nothing may be saved. */
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
