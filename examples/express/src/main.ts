import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { SessionManager } from "@scs/session";
import { createApp } from "./app.js";
import { RaceTrack } from "./race/race-track.js";
import type { ShopSession } from "./shop-session.js";
import { type StorePlace, stores } from "./stores.js";

const HOUR_MS = 3_600_000;
const names = Object.keys(stores).join("|");
const usage = `Usage: npm run demo -- [--store ${names}] [--url postgres://...] [--data DIRECTORY] [--port 3000]`;
const DATA = fileURLToPath(new URL("../data", import.meta.url));

/** Listens on the loopback interface, on any free port if the requested one is in use. */
async function listen(server: Server, port: number): Promise<string> {
  await new Promise<void>((resolve, reject) => {
    server.once("listening", resolve).once("error", (error: NodeJS.ErrnoException) => {
      if (error.code !== "EADDRINUSE") return reject(error);
      console.log(`Port ${port} is taken; using another.`);
      server.listen(0, "127.0.0.1");
    });
    server.listen(port, "127.0.0.1");
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function optionsOf(args: string[]): StorePlace & { store: string; port: number } {
  const { values } = parseArgs({
    args,
    options: {
      store: { type: "string", default: "mem" },
      url: { type: "string" },
      data: { type: "string", default: DATA },
      port: { type: "string", default: "3000" },
    },
  });
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port} is not a port`);
  if (!Object.hasOwn(stores, values.store))
    throw new Error(`--store ${values.store} is unknown; available: ${names}`);
  return { store: values.store, port, data: resolve(values.data), url: values.url };
}

async function main(args: string[]): Promise<void> {
  const { store: name, port, ...wanted } = optionsOf(args);
  const { store, place, close } = await (stores[name] as (typeof stores)[string])(wanted);
  const sessions = new SessionManager<ShopSession, string>({
    store,
    owner: (data) => data.user, // enables the list of devices
    describe: (data) => data.device ?? "A device",
    maxPerOwner: 10,
    lifetimeMs: 12 * HOUR_MS,
    idleTimeoutMs: 2 * HOUR_MS,
    cookie: { secure: "auto" }, // the demo also works over plain http; leave it out in production
    deviceBound: true, // takes effect over https
    onError: (error) => console.error(error),
  });
  const track = new RaceTrack(store, name);
  const server = createServer(createApp({ sessions, place, track }));
  const address = await listen(server, port);
  console.log(`
The shop is open at ${address} (sessions in ${place}; Ctrl-C stops it)

  curl -c cookies.txt -d name=Ada -d password=demo ${address}/login
  curl -b cookies.txt -d product=coffee ${address}/cart
  curl -b cookies.txt ${address}/me

Who loses what, here and beside express-session: ${address}/race
`);

  const stop = (): void => {
    server.close(async () => {
      await track.close();
      await close();
      console.log("The shop is closed.");
    });
    setTimeout(() => server.closeAllConnections(), 1000).unref(); // connections that do not finish
  };
  process.once("SIGINT", stop).once("SIGTERM", stop);
}

try {
  await main(process.argv.slice(2));
} catch (error) {
  console.error(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  process.exitCode = 1;
}
