import type { IncomingMessage, ServerResponse } from "node:http";
import { requestsOf, type SessionManager } from "./session-manager.js";

/** What is read of a Fastify request and reply. */
export interface FastifyRequestLike {
  raw: IncomingMessage;
}
export interface FastifyReplyLike {
  raw: ServerResponse;
}
type Hook = (request: FastifyRequestLike, reply: FastifyReplyLike, done: (error?: Error) => void) => void;
/** What is asked of a Fastify instance. */
export interface FastifyLike {
  addHook(name: "onRequest", hook: Hook): unknown;
}

/** A plugin, as Fastify knows them. */
export type FastifySessions = (
  instance: FastifyLike,
  options: unknown,
  done: (error?: Error) => void,
) => void;

/**
 * Plugin for Fastify: `await app.register(fastifySessions(sessions))`. From there on, `sessions.get(request)` is the
 * session of the request, in hooks as well; it is saved before the first byte of the response leaves. A store that
 * fails on load is an error for Fastify to handle; one that fails on save becomes a 500.
 */
export function fastifySessions<T extends object, D>(sessions: SessionManager<T, D>): FastifySessions {
  const handle = sessions.middleware();
  const plugin: FastifySessions = (instance, _options, done) => {
    instance.addHook("onRequest", (request, reply, next) => {
      handle(request.raw, reply.raw, (error?: unknown) => {
        requestsOf(sessions).alias(request, request.raw);
        next(error as Error | undefined);
      });
    });
    done();
  };
  // As fastify-plugin says it: for the whole instance, not for what is registered inside of the plugin alone.
  return Object.assign(plugin, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "@scs/session",
  });
}
