import { describe, expect, it } from "vitest";
import { withSession } from "../src/adapters/fetch.js";
import type { ClientRequest } from "../src/index.js";
import { run } from "./fixtures/running-app.js";
import { Visitor } from "./fixtures/visitor.js";

const browserOf = ({ headers }: ClientRequest): string =>
  typeof headers.get === "function"
    ? (headers.get("user-agent") ?? "")
    : String((headers as Record<string, unknown>)["user-agent"]);

const options = {
  owner: (data: Record<string, unknown>) => data.userId as string | undefined,
  client: (request: ClientRequest) => ({
    device: browserOf(request),
    location: request.socket?.remoteAddress ?? "elsewhere",
  }),
};

describe("client", () => {
  it("stores device and location of the request with each save", async () => {
    await using app = await run((session, res, req) => {
      if (req.url === "/login") session.set("userId", "u1");
      if (req.url === "/change") session.set("page", 1);
      res.end();
    }, options);
    const visitor = new Visitor(app.url);
    await visitor.get("/login");
    expect(await app.sessions.list("u1")).toMatchObject([{ device: "node", location: "127.0.0.1" }]);

    const headers = { cookie: `__Host-session=${visitor.token}`, "user-agent": "Phone" };
    const request = () => new Request("https://a.test/", { headers });
    await withSession(app.sessions, request(), () => new Response("read"));
    expect(await app.sessions.list("u1"), "a request that changes nothing writes nothing").toMatchObject([
      { device: "node" },
    ]);
    await withSession(app.sessions, request(), (session) => {
      session.set("page", 2);
      return new Response("changed");
    });
    expect(await app.sessions.list("u1")).toMatchObject([{ device: "Phone", location: "elsewhere" }]);
  });

  it("keeps the stored client when a job saves the session without a request", async () => {
    await using app = await run((session, res) => {
      session.set("userId", "u1");
      res.end();
    }, options);
    const visitor = new Visitor(app.url);
    await visitor.get();
    await app.sessions.use(visitor.token, (session) => void session.set("page", 1));
    expect(await app.sessions.list("u1")).toMatchObject([{ device: "node", location: "127.0.0.1" }]);
  });

  it("is not called if nothing is saved", async () => {
    let asked = 0;
    await using app = await run((_, res) => void res.end(), { client: () => void asked++ as undefined });
    await new Visitor(app.url).get();
    expect(asked).toBe(0);
  });

  it("stores at most 128 characters of each text", async () => {
    await using app = await run((session, res) => void res.end(session.set("userId", "u1").id), {
      ...options,
      client: () => ({ device: `${"x".repeat(127)}\ud83d\ude00`, location: 5 as unknown as string }),
    });
    await new Visitor(app.url).get();
    const [session] = await app.sessions.list("u1");
    expect(session?.device?.length).toBeLessThanOrEqual(128);
    expect(session?.device?.isWellFormed()).toBe(true);
    expect(session?.location).toBeUndefined();
  });

  it("that throws calls onError, and the session is saved", async () => {
    await using app = await run((session, res) => void res.end(session.set("userId", "u1").id), {
      ...options,
      client: () => {
        throw new Error("mine");
      },
    });
    await new Visitor(app.url).get();
    expect(app.errors).toMatchObject([{ message: "mine" }]);
    expect(await app.sessions.list("u1")).toMatchObject([{ device: undefined }]);
  });
});
