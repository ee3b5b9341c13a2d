import type { IncomingMessage, ServerResponse } from "node:http";
import { misuse } from "../http/framework-advice.js";
import type { Session } from "../session.js";
import type { SessionManager } from "../session-manager.js";
import { type FastifySessions, fastifySessions } from "./fastify.js";

export type { FastifySession } from "./fastify-session.js";

/** A Nest application, as far as {@link useSessions} uses it. */
export interface NestApplicationLike {
  getHttpAdapter(): { getType(): string };
  use(middleware: unknown): unknown;
  register?: unknown;
}

/** Nest's `ExecutionContext`, as far as the guard and the decorator use it. */
export interface ExecutionContextLike {
  switchToHttp(): { getRequest(): unknown };
}

/**
 * Adds sessions to a Nest application over Express or Fastify. Await it before `app.listen()`:
 *
 *     await useSessions(app, sessions);
 *
 * Then the parameter `@Session() session` of a controller's method, and `req.session`, are the session of the request.
 *
 * @throws TypeError for an application of another framework or over another platform.
 */
export async function useSessions<T extends object, D>(
  app: NestApplicationLike,
  sessions: SessionManager<T, D>,
): Promise<void> {
  if (typeof app?.getHttpAdapter !== "function") throw misuse("useSessions(app, sessions)", "Nest", [app]);
  const platform = app.getHttpAdapter().getType();
  if (platform === "express") app.use(expressSessions(sessions));
  else if (platform === "fastify") {
    const { register } = app as unknown as { register(plugin: FastifySessions): Promise<unknown> };
    await register.call(app, fastifySessions(sessions));
  } else throw new TypeError(`useSessions() supports Nest over Express and Fastify, not over ${platform}`);
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
 * Makes a guard from a condition: `@UseGuards(sessionGuard<MyValues>((session) => session.has("userId")))`. Answers 401
 * to a request whose session does not meet the condition.
 *
 * @param refuse makes another error to throw, such as `() => new ForbiddenException()`.
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

/** Makes an error like those of http-errors, which Nest's own exception filter answers with 401. */
function unauthorized(): Error {
  return Object.assign(new Error("Unauthorized"), { status: 401, statusCode: 401, expose: true });
}

/**
 * Returns one value of the request's session; without a key, the session. Make a parameter decorator of it by
 * `const SessionValue = createParamDecorator(sessionValue)`, and use that as `@SessionValue("userId") userId: string`.
 */
export function sessionValue(key: string | undefined, context: ExecutionContextLike): unknown {
  const session = sessionOf<Record<string, unknown>>(context);
  return key === undefined ? session : session.get(key);
}
