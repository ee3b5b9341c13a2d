// A small server in place of your own: keeps sessions in a Map, and executes one command after the other. Prints its port,
// and ends with its standard input.
import { type AddressInfo, createServer } from "node:net";
import { createInterface } from "node:readline";
import type { Command, Reply } from "../protocol.js";

type Records = Map<string, { data: string; expiry: number }>;

const namespaces = new Map<string, Records>();

function recordsOf(namespace: string): Records {
  const records: Records = namespaces.get(namespace) ?? new Map();
  namespaces.set(namespace, records);
  return records;
}

function perform(command: Command): Reply {
  const { kind, token = "", previous, data = "", expiry = 0, after = "", limit = 0 } = command;
  const { now = Date.now() } = command;
  const records = recordsOf(command.namespace);
  const found = records.get(token);
  const live = found !== undefined && found.expiry > now ? found : undefined;
  switch (kind) {
    case "find":
      return { record: live };
    case "commit":
      records.set(token, { data, expiry });
      return {};
    case "delete":
      records.delete(token);
      return {};
    case "replace":
      if (live?.data !== previous) return { done: false };
      records.set(token, { data, expiry });
      return { done: true };
    case "touch":
      if (live !== undefined) records.set(token, { data: live.data, expiry });
      return { done: live !== undefined };
    case "list": {
      const tokens = [...records.keys()].filter((other) => other > after).sort();
      const entries = tokens.map((other) => ({
        token: other,
        ...(records.get(other) as { data: string; expiry: number }),
      }));
      return { entries: entries.filter((entry) => entry.expiry > now).slice(0, limit) };
    }
    case "removeExpired": {
      const expired = [...records].filter(([, record]) => record.expiry <= now).slice(0, limit);
      for (const [other] of expired) records.delete(other);
      return { removed: expired.length };
    }
    default:
      return { error: { code: "EBADCMD", message: "there is no such command" } };
  }
}

const server = createServer((socket) => {
  socket.on("error", () => undefined); // a client that is gone
  createInterface({ input: socket })
    .on("line", (line) => socket.write(`${JSON.stringify(perform(JSON.parse(line) as Command))}\n`))
    .on("error", () => undefined);
});
server.listen(0, "127.0.0.1", () => console.log((server.address() as AddressInfo).port));
process.stdin.on("end", () => process.exit()).resume();
