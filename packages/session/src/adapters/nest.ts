import type { IncomingMessage, ServerResponse } from "node:http";
import type { Session } from "../session.js";
import type { SessionManager } from "../session-manager.js";
import { type FastifySessions, fastifySessions } from "./fastify.js";

export type { FastifySession } from "./fastify-session.js";

/** What is asked of a Nest application. */
export interface NestApplicationLike {
  getHttpAdapter(): { getType(): string };
  use(middleware: unknown): unknown;
  register?: unknown;
}

/** What is asked of Nest's `ExecutionContext`. */
export interface ExecutionContextLike {
  switchToHttp(): { getRequest(): unknown };
}

/**
 * Gives the requests of a Nest application sessions, over Express and over Fastify. Await it before `app.listen()`:
 *
 *     await useSessions(app, sessions);
 *
 * From there on, a parameter `@Session() session` of a controller is the session of the request, and `req.session` too.
 *
 * @throws TypeError over another platform.
 */
export async function useSessions<T extends object, D>(
  app: NestApplicationLike,
  sessions: SessionManager<T, D>,
): Promise<void> {
  const platform = app.getHttpAdapter().getType();
  if (platform === "express") app.use(expressSessions(sessions));
  else if (platform === "fastify") {
    const { register } = app as unknown as { register(plugin: FastifySessions): Promise<unknown> };
    await register.call(app, fastifySessions(sessions));
  } else throw new TypeError(`useSessions() is for Nest over Express and over Fastify, not over ${platform}`);
}

type Next = (error?: unknown) => void;

function expressSessions<T extends object, D>(
  sessions: SessionManager<T, D>,
): (req: IncomingMessage, res: ServerResponse, next: Next) => void {
  const handle = sessions.middleware();
  return (req, res, next) =>
    handle(req, res, (error?: unknown) => {
      if (error !== undefined) return next(error);
      const get = () => sessions.get(req);
      Object.defineProperty(req, "session", { configurable: true, enumerable: true, get });
      next();
    });
}

function sessionOf<T extends object>(context: ExecutionContextLike): Session<T> {
  const { session } = context.switchToHttp().getRequest() as { session?: Session<T> };
  if (session !== undefined) return session;
  throw new Error(
    'this request has no session: await useSessions(app, sessions) of "@scs/session/nest" before app.listen()',
  );
}

/**
 * A guard: `@UseGuards(sessionGuard<MyValues>((session) => session.has("userId")))`. Requests that are not allowed are
 * answered with 401.
 *
 * @param refuse makes what is thrown instead, such as `() => new ForbiddenException()`.
 */
export function sessionGuard<T extends object = Record<string, unknown>>(
  isAllowed: (session: Session<T>) => boolean | Promise<boolean>,
  refuse: () => Error = unauthorized,
): { canActivate(context: ExecutionContextLike): Promise<boolean> } {
  return {
    async canActivate(context) {
      if (await isAllowed(sessionOf<T>(context))) return true;
      throw refuse();
    },
  };
}

/** An error as http-errors makes them, which Nest's own filter answers with 401. */
function unauthorized(): Error {
  return Object.assign(new Error("Unauthorized"), { status: 401, statusCode: 401, expose: true });
}

/**
 * For a decorator of one value: `const SessionValue = createParamDecorator(sessionValue)`, then
 * `@SessionValue("userId") userId: string`. Without a key, it is the session.
 */
export function sessionValue(key: string | undefined, context: ExecutionContextLike): unknown {
  const session = sessionOf<Record<string, unknown>>(context);
  return key === undefined ? session : session.get(key);
}
