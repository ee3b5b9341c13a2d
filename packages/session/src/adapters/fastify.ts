import type { IncomingMessage, ServerResponse } from "node:http";
import { misuse } from "../http/framework-advice.js";
import { requestsOf, type SessionManager } from "../session-manager.js";
import { type FastifySession, fastifySession } from "./fastify-session.js";

export type { FastifySession } from "./fastify-session.js";

/** Fastify's request, as far as the plugin uses it. */
export interface FastifyRequestLike {
  raw: IncomingMessage;
}
/** Fastify's reply, as far as the plugin uses it. */
export interface FastifyReplyLike {
  raw: ServerResponse;
}
/** A Fastify instance, as far as the plugin uses it. */
export interface FastifyLike {
  addHook(
    name: "onRequest",
    hook: (request: FastifyRequestLike, reply: FastifyReplyLike, done: (error?: Error) => void) => void,
  ): unknown;
  decorateRequest(name: "session", property: { getter(): unknown }): unknown;
}

/** A plugin of Fastify. */
export type FastifySessions = (
  instance: FastifyLike,
  options: unknown,
  done: (error?: Error) => void,
) => void;

/**
 * Makes a plugin for Fastify: `await app.register(fastifySessions(sessions))`. In hooks and handlers that follow,
 * `request.session` is the session of the request, and `sessions.get(request)` returns it too. Declare its type once:
 *
 *     declare module "fastify" {
 *       interface FastifyRequest { session: FastifySession<MyValues> }
 *     }
 *
 * The session is saved before the first byte of the response leaves. If the store fails on load, Fastify's error
 * handler gets the error; if it fails on save, the response is a 500.
 */
export function fastifySessions<T extends object, D>(sessions: SessionManager<T, D>): FastifySessions {
  const handle = sessions.middleware();
  const requests = requestsOf(sessions);
  const ofRequests = new WeakMap<object, FastifySession<T>>();
  const plugin: FastifySessions = (instance, ...rest) => {
    if (typeof instance?.addHook !== "function")
      throw misuse("fastifySessions(sessions)", "Fastify, to register", [instance, ...rest]);
    const [, done] = rest;
    try {
      instance.decorateRequest("session", {
        getter(this: FastifyRequestLike) {
          const known = ofRequests.get(this);
          if (known !== undefined) return known;
          const session = fastifySession(sessions.get(this));
          ofRequests.set(this, session);
          return session;
        },
      });
    } catch (error) {
      return done(error as Error); // another plugin has already decorated this name
    }
    instance.addHook("onRequest", (request, reply, next) => {
      handle(request.raw, reply.raw, (error?: unknown) => {
        requests.alias(request, request.raw);
        next(error as Error | undefined);
      });
    });
    done();
  };
  // As in fastify-plugin: applies the hooks to the whole instance, not only to routes registered inside the plugin.
  return Object.assign(plugin, {
    [Symbol.for("skip-override")]: true,
    [Symbol.for("fastify.display-name")]: "@scs/session",
  });
}
