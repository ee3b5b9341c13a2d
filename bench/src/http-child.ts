import type { AddressInfo } from "node:net";
import { type HttpContender, type Route, type Stack, serverOf } from "./http-contender.js";

/** Serves one contender until its parent is gone; tells where, and on request how much CPU time it took. */
const { contender, stack, route } = JSON.parse(process.argv[2] ?? "{}") as {
  contender: HttpContender;
  stack: Stack;
  route: Route;
};
const server = serverOf(contender, stack, route).listen(0, "127.0.0.1", () => {
  process.send?.((server.address() as AddressInfo).port);
});
let begun = process.cpuUsage();
process.on("message", (message) => {
  if (message === "begin") begun = process.cpuUsage();
  else {
    const { user, system } = process.cpuUsage(begun);
    process.send?.({ user, system });
  }
});
process.once("disconnect", () => process.exit());
