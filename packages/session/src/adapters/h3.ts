import type { IncomingMessage, ServerResponse } from "node:http";
import { isBackgroundRequest } from "../http/background-request.js";
import { refuse } from "../http/framework-advice.js";
import type { RequestHead } from "../http/http-request.js";
import { headersToSet } from "../http/response-head.js";
import type { TokenHeader } from "../http/token-transport.js";
import type { RenewOptions, Session } from "../session.js";
import type { SessionManager } from "../session-manager.js";

/** An event of h3 2, as far as the composable uses it. */
export interface H3EventLike {
  req: { headers: Headers };
  res: { headers: Headers; errHeaders?: Headers };
}

/** An event of h3 1, which Nuxt 4 uses, as far as the composable uses it. */
export interface H3V1EventLike {
  node: { req: IncomingMessage; res: ServerResponse };
}

/** Values to set, or a function that returns them. A key whose value is `undefined` is removed. */
export type H3Update<T extends object> = Partial<T> | ((data: Partial<T>) => Partial<T> | undefined);

/** A session in the shape of the one that h3's own `useSession` returns. */
export interface H3Session<T extends object> {
  readonly id: string;
  /** The current values. */
  readonly data: Partial<T>;
  /** Sets values and saves them at once. */
  update(update: H3Update<T>): Promise<H3Session<T>>;
  /** Ends the session at once. */
  clear(): Promise<H3Session<T>>;
  /** Renews the token at once. Call it at log-in. */
  renew(options?: RenewOptions): Promise<H3Session<T>>;
  /** The session itself. The next `update` saves what is changed here. */
  readonly session: Session<T>;
}

/**
 * Makes a composable in the shape of h3's `useSession`, for h3 2, h3 1, Nitro and the server routes of Nuxt:
 *
 *     export const useSession = h3Sessions(sessions);
 *     const session = await useSession(event);
 *     await session.update({ userId: "u1" });
 *
 * Each call in one request returns the same session.
 *
 * @throws StoreError if the store fails.
 */
export function h3Sessions<T extends object, D>(
  sessions: SessionManager<T, D>,
): (event: H3EventLike | H3V1EventLike) => Promise<H3Session<T>> {
  const ofEvents = new WeakMap<object, Promise<H3Session<T>>>();
  return (...args) => {
    const [event] = args;
    const head = headOf(event);
    if (head === undefined) return refuse("h3Sessions(sessions)", "h3, Nitro and Nuxt", args);
    const known = ofEvents.get(head);
    if (known !== undefined) return known;
    const opened = open(sessions, event, head);
    ofEvents.set(head, opened);
    return opened;
  };
}

function isV1(event: H3EventLike | H3V1EventLike): event is H3V1EventLike {
  return (event as Partial<H3V1EventLike>)?.node?.res !== undefined;
}

function headOf(event: H3EventLike | H3V1EventLike): RequestHead | undefined {
  const { req } = (event ?? {}) as Partial<H3EventLike>;
  if (typeof req?.headers?.get === "function" && (event as H3EventLike).res !== undefined) return req;
  return isV1(event) ? event.node.req : undefined;
}

async function open<T extends object, D>(
  sessions: SessionManager<T, D>,
  event: H3EventLike | H3V1EventLike,
  head: RequestHead,
): Promise<H3Session<T>> {
  const session = await sessions.load(head);
  const save = async (): Promise<H3Session<T>> => {
    const header = await sessions.commit(session);
    if (header !== undefined) give(event, header);
    return opened;
  };
  const opened: H3Session<T> = {
    session,
    get id() {
      return session.id;
    },
    get data() {
      return dataOf(session);
    },
    update(update) {
      const values = typeof update === "function" ? update(dataOf(session)) : update;
      for (const [key, value] of Object.entries(values ?? {})) {
        if (value === undefined) session.delete(key as keyof T & string);
        else session.set(key as keyof T & string, value as T[keyof T & string]);
      }
      return save();
    },
    clear() {
      session.destroy();
      return save();
    },
    renew(options) {
      session.renew(options);
      return save();
    },
  };
  if (!isBackgroundRequest(head)) await save(); // restarts the idle timeout
  return opened;
}

function dataOf<T extends object>(session: Session<T>): Partial<T> {
  return Object.fromEntries([...session.keys()].map((key) => [key, session.get(key)])) as Partial<T>;
}

function give(event: H3EventLike | H3V1EventLike, { name, value }: TokenHeader): void {
  if (isV1(event)) {
    const { res } = event.node;
    const current = { "set-cookie": res.getHeader("set-cookie") as string | string[] };
    for (const [each, values] of Object.entries(headersToSet(current, [[name, value]])))
      res.setHeader(each, values);
    return;
  }
  const { headers, errHeaders } = event.res;
  addTo(headers, [name, value]);
  if (errHeaders !== undefined) addTo(errHeaders, [name, value]); // h3 sends these with an error page
}

function addTo(headers: Headers, own: readonly [name: string, value: string]): void {
  for (const [name, values] of Object.entries(
    headersToSet({ "set-cookie": headers.getSetCookie() }, [own]),
  )) {
    headers.delete(name);
    for (const value of [values].flat()) headers.append(name, value);
  }
}
