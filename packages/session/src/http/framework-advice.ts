/** The import and the call that each framework needs. */
const ADVICE = {
  express:
    'in Express, Connect and node:http: import { SessionManager } from "@scs/session", and app.use(sessions.middleware())',
  fastify:
    'in Fastify: import { fastifySessions } from "@scs/session/fastify", and await app.register(fastifySessions(sessions))',
  koa: 'in Koa: import { koaSessions } from "@scs/session/koa", and app.use(koaSessions(sessions))',
  hono: 'in Hono: import { honoSessions } from "@scs/session/hono", and app.use(honoSessions(sessions))',
  h3: 'in h3, Nitro and Nuxt: import { h3Sessions } from "@scs/session/h3", and const useSession = h3Sessions(sessions)',
  sveltekit:
    'in SvelteKit: import { svelteKitSessions } from "@scs/session/sveltekit", and export const handle = svelteKitSessions(sessions)',
  astro:
    'in Astro: import { astroSessions } from "@scs/session/astro", and export const onRequest = astroSessions(sessions)',
  reactRouter:
    'in React Router: import { reactRouterSessions } from "@scs/session/react-router", and export const middleware = [sessionMiddleware]',
  next: 'in Next.js: import { nextSessions } from "@scs/session/next", and const { session, change, touch } = nextSessions(sessions, { cookies })',
  nest: 'in Nest: import { useSessions } from "@scs/session/nest", and await useSessions(app, sessions)',
  fetch:
    'in others that pass a Request: import { fetchHandler } from "@scs/session/fetch", and serve fetchHandler(sessions, (request) => …)',
} as const;

type Unknown = Readonly<Record<string, unknown>>;
const partsOf = (value: unknown): Unknown => (Object(value) as Unknown) ?? {};
const isFunction = (value: unknown): boolean => typeof value === "function";
const isRequest = (value: unknown): boolean => isFunction(partsOf(partsOf(value).headers).get);

/** Recognizes a framework by the first two arguments that it passes to a handler, or by its app. */
function frameworkOf(first: unknown, second: unknown): keyof typeof ADVICE {
  const one = partsOf(first);
  const two = partsOf(second);
  if (isFunction(one.getHttpAdapter) || isFunction(one.switchToHttp)) return "nest";
  if (isFunction(one.addHook) || (one.raw !== undefined && two.raw !== undefined)) return "fastify";
  if (isFunction(two.setHeader) && isFunction(two.end)) return "express";
  if (isFunction(one.listen)) return isFunction(one.callback) ? "koa" : "express"; // the app itself
  if (isFunction(partsOf(one.app).callback) && one.req !== undefined) return "koa";
  if (isRequest(partsOf(one.req).raw)) return "hono";
  if (one.event !== undefined && isFunction(one.resolve)) return "sveltekit";
  if (one.nextUrl !== undefined) return "next";
  if (isRequest(one.request)) return one.cookies === undefined ? "reactRouter" : "astro";
  if (isRequest(one.req) || partsOf(one.node).req !== undefined) return "h3";
  return "fetch";
}

/** Creates the error for a handler in the wrong framework. It names the right import. */
export function misuse(name: string, home: string, args: readonly unknown[]): TypeError {
  return new TypeError(`${name} is for ${home}; ${ADVICE[frameworkOf(args[0], args[1])]}`);
}

/** Fails a call with the error of {@link misuse}: rejects in Fastify, which expects a promise, and throws elsewhere. */
export function refuse(name: string, home: string, args: readonly unknown[]): Promise<never> {
  const error = misuse(name, home, args);
  if (frameworkOf(args[0], args[1]) === "fastify") return Promise.reject(error);
  throw error;
}

/** Returns the advice for a request that has no session. */
export function adviceForRequest(request: object): string {
  const { headers, raw, req } = request as { headers?: Partial<Headers>; raw?: unknown; req?: unknown };
  if (isFunction(headers?.get))
    return 'let the framework\'s middleware handle it first, such as honoSessions(sessions) in Hono or fetchHandler(sessions, handler) of "@scs/session/fetch", and ask while the request is answered';
  if (raw !== undefined)
    return 'first await app.register(fastifySessions(sessions)) of "@scs/session/fastify"';
  if (isRequest(partsOf(req).raw)) return 'first app.use(honoSessions(sessions)) of "@scs/session/hono"';
  if (req !== undefined) return 'first app.use(koaSessions(sessions)) of "@scs/session/koa"';
  return "let sessions.middleware() handle it first, as in app.use(sessions.middleware())";
}
