import type { Session } from "../session.js";

/** Fastify's `request.session`: a session, with the methods that plugins such as @fastify/passport call. */
export interface FastifySession<T extends object = Record<string, unknown>> extends Session<T> {
  /** Returns the values as one object. */
  data(): Partial<T>;
  /** Renews the token, and removes all values except those of the keys in `keep`. */
  regenerate(keep?: readonly (string & keyof T)[]): Promise<void>;
}

/**
 * Adds the methods of {@link FastifySession} to a session. `Object.keys` of the result lists the keys of its values.
 */
export function fastifySession<T extends object>(session: Session<T>): FastifySession<T> {
  const own = {
    data: () => Object.fromEntries([...session.keys()].map((key) => [key, session.get(key)])),
    async regenerate(keep: readonly string[] = []) {
      session.renew();
      for (const key of [...session.keys()]) if (!keep.includes(key)) session.delete(key);
    },
  };
  return new Proxy(session, {
    get(target, name) {
      if (Object.hasOwn(own, name)) return own[name as keyof typeof own];
      const value = Reflect.get(target, name, target); // `this` is the session: it has private fields
      return typeof value === "function" ? value.bind(target) : value;
    },
    has: (target, name) => name in target || Object.hasOwn(own, name),
    ownKeys: (target) => [...target.keys()],
    getOwnPropertyDescriptor: (target, name) =>
      typeof name === "string" && target.has(name as keyof T & string)
        ? { configurable: true, enumerable: true, value: target.get(name as keyof T & string) }
        : undefined,
  }) as FastifySession<T>;
}
