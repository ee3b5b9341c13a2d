// Serves sessions from memory, and reports the CPU time to its parent.
import { createServer } from "node:http";
import { MemStore } from "@scs/memstore";
import { SessionManager } from "@scs/session";

const sessions = new SessionManager({ store: new MemStore(), deviceBound: true, policy: "aal2" });
const handle = sessions.middleware();
const server = createServer((req, res) =>
  handle(req, res, () => {
    const session = sessions.get(req);
    if (req.url === "/login") session.set("userId", "u1");
    if (req.url === "/change") session.set("count", Number(session.get("count") ?? 0) + 1);
    res.end(`${session.get("userId") ?? "nobody"} ${session.binding}`);
  }),
);
server.listen(0, "127.0.0.1", () => process.send?.(server.address()));
process.on("message", () => process.send?.(process.cpuUsage()));
