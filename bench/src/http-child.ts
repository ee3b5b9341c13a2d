import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { ask, request } from "./child.js";
import type { Environment } from "./contender.js";
import { makeApp } from "./http-app.js";
import type { HttpContender, Route, Stack } from "./http-contender.js";

/** One application in a process of its own. */
export interface HttpRequest {
  contender: HttpContender;
  stack: Stack;
  route: Route;
  environment: Environment;
}

export type HttpCommand = "begin" | "end" | "close";

/** What it says at first, where it is, and after each command. */
export interface HttpMessage {
  port?: number;
  /** CPU time between begin and end, in µs. */
  cpu?: number;
}

const { contender, stack, route, environment } = request<HttpRequest>();
const { server, close } = await makeApp(contender, { stack, route }, environment);
server.listen(0, "127.0.0.1");
await once(server, "listening");

let message: HttpMessage = { port: (server.address() as AddressInfo).port };
let begun = process.cpuUsage();
for (;;) {
  const { command } = await ask<{ command: HttpCommand }>(message);
  message = {};
  if (command === "begin") begun = process.cpuUsage();
  else if (command === "close") break;
  else {
    const { user, system } = process.cpuUsage(begun);
    message.cpu = user + system;
  }
}
server.close();
server.closeAllConnections();
await close();
process.disconnect?.();
process.exit();
