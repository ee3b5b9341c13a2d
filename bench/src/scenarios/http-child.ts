import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import express from "express";
import { findContender, loadFamily } from "../contenders/families.js";
import { answerEach, request } from "../harness/child.js";
import type { SessionLayer } from "../harness/contender.js";
import { makeSite, type SiteRequest } from "../harness/site.js";

/** The contender below the served application. */
export interface HttpRequest extends SiteRequest {
  /** URL of the family's module. */
  family: string;
  contender: string;
}

/** `listen` answers with the port, `end` with the CPU time since `begin`. */
export interface HttpCommand {
  command: "listen" | "begin" | "end";
}

export interface HttpAnswer {
  port?: number;
  /** In µs. */
  cpu?: number;
}

const given = request<HttpRequest>();
const kind = findContender(await loadFamily(given.family), given.contender);
const { environment, drop } = await makeSite(given, kind.server, 0);
const layer = (await kind.openLayer?.(environment)) as SessionLayer;
const app = express().disable("x-powered-by").disable("etag");
app.use((req, res, next) => layer.middleware(req, res, next));
app.use((req, res) => {
  const session = layer.access(req);
  if (req.url === "/login") {
    session.set("user", { id: "8c1f0b52-f6a2", name: "Ada Lovelace", roles: ["customer", "editor"] });
    session.set("csrf", "Q2hhbmdlIG1lIHBsZWFzZQ".repeat(2));
    session.set("count", 0);
  }
  const count = session.get("count") ?? 0;
  if (req.url === "/http-write") session.set("count", count + 1);
  res.end(`visit ${count} of ${session.get("user")?.name ?? "nobody"}`);
});
const server = createServer(app);
let begun = process.cpuUsage();

await answerEach<HttpCommand, HttpAnswer>(async ({ command }) => {
  if (command === "listen") {
    await once(server.listen(0, "127.0.0.1"), "listening");
    return { port: (server.address() as AddressInfo).port };
  }
  const { user, system } = process.cpuUsage(begun);
  begun = process.cpuUsage();
  return { cpu: user + system };
});
server.close();
server.closeAllConnections();
await layer.close();
await drop();
process.exit(); // a timer or connection that a contender left open must not delay the run
