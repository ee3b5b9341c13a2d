import { randomUUID } from "node:crypto";
import { fileURLToPath } from "node:url";
import formbody from "@fastify/formbody";
import staticFiles from "@fastify/static";
import { type FastifySession, fastifySessions } from "@scs/session/fastify";
import { type FastifyInstance, fastify } from "fastify";
import { page } from "./page.js";
import { type Notes, sessions } from "./sessions.js";
import { viewOf } from "./view.js";

declare module "fastify" {
  interface FastifyRequest {
    session: FastifySession<Notes>;
  }
}

export async function createApp(): Promise<FastifyInstance> {
  const app = fastify();
  await app.register(staticFiles, { root: fileURLToPath(new URL("../public", import.meta.url)) });
  await app.register(formbody);
  await app.register(notes);
  return app;
}

/** Registers the routes with sessions. Static files need none. */
async function notes(app: FastifyInstance): Promise<void> {
  await app.register(fastifySessions(sessions));

  app.get("/", async ({ session }, reply) => reply.type("text/html").send(page(await viewOf(session))));

  app.get("/me", ({ session }) => viewOf(session));

  app.post<{ Body: { name?: string } }>("/login", async ({ session, body, headers }, reply) => {
    if (!body?.name) return reply.code(400).send("A name is needed.");
    session.renew(); // makes a token from before the log-in invalid
    session.set("user", body.name.slice(0, 40)).set("device", headers["user-agent"] ?? "a device");
    return reply.redirect("/", 303);
  });

  app.post<{ Body: { text?: string } }>("/notes", async ({ session, body }, reply) => {
    if (!body?.text) return reply.code(400).send("A text is needed.");
    session.set(`note:${randomUUID()}`, body.text.slice(0, 200));
    return reply.redirect("/", 303);
  });

  app.post("/logout", async ({ session }, reply) => {
    session.destroy();
    return reply.redirect("/", 303);
  });

  app.post<{ Body: { handle?: string } }>("/devices", async ({ session, body }, reply) => {
    const { devices } = await viewOf(session);
    // The handle comes from the client: accept only those of the user's own devices.
    const device = devices.find((each) => each.handle === body?.handle);
    if (device === undefined) return reply.code(404).send("That device is not logged in.");
    await sessions.revoke(device.handle);
    return reply.redirect("/", 303);
  });
}
