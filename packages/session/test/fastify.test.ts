import { Authenticator } from "@fastify/passport";
import { type FastifyInstance, fastify } from "fastify";
import { Strategy as LocalStrategy } from "passport-local";
import { describe, expect, expectTypeOf, it } from "vitest";
import { type FastifySession, fastifySessions } from "../src/adapters/fastify.js";
import { Session } from "../src/index.js";
import type { Values } from "./fixtures/running-app.js";
import { RunningManager } from "./fixtures/running-manager.js";
import { Visitor } from "./fixtures/visitor.js";

declare module "fastify" {
  interface FastifyRequest {
    session: FastifySession<Values>;
  }
}

async function listening(app: FastifyInstance): Promise<Visitor & AsyncDisposable> {
  const visitor = new Visitor(await app.listen({ port: 0, host: "127.0.0.1" }));
  return Object.assign(visitor, { [Symbol.asyncDispose]: () => app.close() }) as Visitor & AsyncDisposable;
}

describe("request.session", () => {
  it("is the session in the hooks and handlers of all plugins, typed by declaration merging", async () => {
    await using running = new RunningManager();
    const app = fastify();
    await app.register(fastifySessions(running.sessions));
    app.addHook("preHandler", async (request) => {
      request.session.set("hooked", request.url);
    });
    await app.register(async (inner) => {
      inner.get("/inner", async (request) => {
        expectTypeOf(request.session.get("userId")).toEqualTypeOf<unknown>();
        expect(request.session).toBe(request.session);
        expect(request.session).toBeInstanceOf(Session);
        expect(request.session.id).toBe(running.sessions.get(request).id);
        return request.session.data();
      });
    });
    await using visitor = await listening(app);
    expect(JSON.parse((await visitor.get("/inner")).body)).toEqual({ hooked: "/inner" });
    expect(await running.store.contents()).toEqual([{ hooked: "/inner" }]);
  });

  it("has all methods of a session, and the manager accepts it", async () => {
    await using running = new RunningManager({ owner: (data) => data.userId as string });
    const app = fastify();
    await app.register(fastifySessions(running.sessions));
    app.get("/", async ({ session }) => {
      session.set("userId", "u1").set("page", 1);
      expect(session.pop("page")).toBe(1);
      expect([session.has("userId"), [...session.keys()], session.status]).toEqual([
        ...[true, ["userId"], "modified"],
      ]);
      await running.sessions.commit(session);
      expect(await running.sessions.revokeAll("u1", { except: session })).toBe(0);
      expect(await running.sessions.list("u1")).toMatchObject([{ handle: session.handle }]);
      return "done";
    });
    await using visitor = await listening(app);
    expect((await visitor.get()).body).toBe("done");
  });

  it("fails if another plugin has the name, or if read before the plugin's hook, and names the import", async () => {
    await using running = new RunningManager();
    const taken = fastify();
    taken.decorateRequest("session", null as never);
    await expect(taken.register(fastifySessions(running.sessions)).ready()).rejects.toThrow(
      /session.*already been added/,
    );
    const late = fastify();
    late.addHook("onRequest", async (request) => void request.session);
    await late.register(fastifySessions(running.sessions));
    late.get("/", () => "body");
    expect((await late.inject("/")).json().message).toContain("@scs/session/fastify");
    await late.close();
  });

  it("works with inject()", async () => {
    await using running = new RunningManager();
    const app = fastify();
    await app.register(fastifySessions(running.sessions));
    app.get("/login", async ({ session }) => void session.set("userId", "u1"));
    app.get("/", async ({ session }) => session.data());
    const login = await app.inject("/login");
    const [cookie] = login.cookies;
    const answer = await app.inject({ url: "/", cookies: { [cookie?.name ?? ""]: cookie?.value ?? "" } });
    expect(answer.json()).toEqual({ userId: "u1" });
    await app.close();
  });
});

describe("@fastify/passport", () => {
  async function withPassport(running: RunningManager) {
    const passport = new Authenticator();
    const app = fastify();
    await app.register(fastifySessions(running.sessions));
    await app.register(passport.initialize());
    await app.register(passport.secureSession());
    passport.registerUserSerializer(async (user: { name: string }) => user.name);
    passport.registerUserDeserializer(async (name: string) => ({ name }));
    passport.use(
      "local",
      new LocalStrategy((name, password, done) =>
        done(null, password === "right" ? { name } : false),
      ) as never,
    );
    const preValidation = passport.authenticate("local", { authInfo: false });
    app.get("/login", { preValidation }, async () => "welcome");
    const keepSessionInfo = passport.authenticate("local", { authInfo: false, keepSessionInfo: true });
    app.get("/login-and-keep", { preValidation: keepSessionInfo }, async () => "welcome");
    const failureFlash = passport.authenticate("local", { failureRedirect: "/", failureFlash: "no" });
    app.get("/login-or-flash", { preValidation: failureFlash }, async () => "welcome");
    app.get("/cart", async ({ session }) => void session.set("cart", ["tea"]));
    app.get("/logout", async (request) => request.logOut());
    app.get("/", async (request, reply) => ({
      ...{ user: (request.user as { name: string } | undefined)?.name, cart: request.session.get("cart") },
      flash: reply.flash("error"),
    }));
    return listening(app);
  }
  const who = async (visitor: Visitor) => JSON.parse((await visitor.get()).body);

  it("renews the token and clears the session at log-in, and ends the session at log-out", async () => {
    await using running = new RunningManager();
    await using visitor = await withPassport(running);
    expect((await visitor.get("/login?username=Ada&password=wrong")).status).toBe(401);
    await visitor.get("/cart");
    const planted = visitor.clone();
    expect((await visitor.get("/login?username=Ada&password=right")).body).toBe("welcome");
    expect(await who(visitor)).toEqual({ user: "Ada", flash: [] });
    expect(await who(planted)).toEqual({ flash: [] });
    const stolen = visitor.clone();
    await visitor.get("/logout");
    expect(await who(visitor)).toEqual({ flash: [] });
    expect(await who(stolen)).toEqual({ flash: [] });
    expect(running.errors).toEqual([]);
  });

  it("keeps the values with keepSessionInfo, and renews the token too", async () => {
    await using running = new RunningManager();
    await using visitor = await withPassport(running);
    await visitor.get("/cart");
    const planted = visitor.clone();
    await visitor.get("/login-and-keep?username=Ada&password=right");
    expect(await who(visitor)).toEqual({ user: "Ada", cart: ["tea"], flash: [] });
    expect(await who(planted)).toEqual({ flash: [] });
  });

  it("shows a flash message once", async () => {
    await using running = new RunningManager();
    await using visitor = await withPassport(running);
    expect((await visitor.get("/login-or-flash?username=Ada&password=wrong")).status).toBe(302);
    expect(await who(visitor)).toEqual({ flash: ["no"] });
    expect(await who(visitor)).toEqual({ flash: [] });
  });
});
