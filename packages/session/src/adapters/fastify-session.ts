import type { Session } from "../session.js";

/** What `request.session` of Fastify is: a session, with what plugins such as @fastify/passport look for besides. */
export interface FastifySession<T extends object = Record<string, unknown>> extends Session<T> {
  /** Returns the values as one object. */
  data(): Partial<T>;
  /** Gives the session a new token, and removes all values but those of the keys that are kept. */
  regenerate(keep?: readonly (string & keyof T)[]): Promise<void>;
}

/** Makes what Fastify's plugins expect of a session; `Object.keys` of it are those of its values. */
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
