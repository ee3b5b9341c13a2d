import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate } from "node:timers/promises";
import { parseArgs } from "node:util";
import { MemStore } from "@scs/memstore";
import { SessionManager } from "@scs/session";
import expressSession, { type Session, type SessionData } from "express-session";
import { wholeNumber } from "./options.js";
import { table } from "./table.js";

const { values } = parseArgs({ options: { rounds: { type: "string", default: "20" } } });
const rounds = wholeNumber("rounds", values.rounds);
const PARALLEL = 50;

/** What the script asks of a session, wherever it is kept. */
interface Access {
  set(key: string): void;
  destroy(): void;
  keys(): string[];
}
type Contender = (
  req: IncomingMessage,
  res: ServerResponse,
  answer: (session: Access) => Promise<void>,
) => void;

function scs(): Contender {
  const sessions = new SessionManager({ store: new MemStore(), cookie: { secure: false } });
  const handle = sessions.middleware();
  return (req, res, answer) =>
    handle(req, res, () => {
      const session = sessions.get(req);
      const set = (key: string) => void session.set(key, true);
      void answer({ set, destroy: () => session.destroy(), keys: () => [...session.keys()] });
    });
}

function peer(): Contender {
  const handle = expressSession({ secret: "a secret of the bench", resave: false, saveUninitialized: false });
  return (req, res, answer) =>
    handle(req as never, res as never, () => {
      const { session } = req as unknown as { session: Session & Record<string, unknown> };
      const names = (data: SessionData) => Object.keys(data).filter((key) => key !== "cookie");
      void answer({
        set: (key) => void Object.assign(session, { [key]: true }),
        destroy: () => void session.destroy(() => undefined),
        keys: () =>
          names((req as unknown as { session: SessionData | undefined }).session ?? ({} as SessionData)),
      });
    });
}

/** Serves `/login`, `/set/<key>`, `/logout` and `/`, which gives the keys; each waits for something, as apps do. */
async function serve(contender: Contender): Promise<{ ask: Ask } & AsyncDisposable> {
  const server = createServer((req, res) =>
    contender(req, res, async (session) => {
      await setImmediate();
      const [, action, key] = (req.url ?? "").split("/");
      if (action === "login") session.set("user");
      if (action === "set") session.set(key ?? "");
      if (action === "logout") session.destroy();
      res.end(JSON.stringify(session.keys()));
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const ask: Ask = async (path, cookie) => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, { headers: { cookie } });
    const set = response.headers.getSetCookie()[0]?.split(";")[0];
    return { keys: (await response.json()) as string[], cookie: set ?? cookie };
  };
  const close = () =>
    new Promise<void>((resolve) => void server.close(() => resolve()).closeAllConnections());
  return { ask, [Symbol.asyncDispose]: close };
}
type Ask = (path: string, cookie: string) => Promise<{ keys: string[]; cookie: string }>;

async function measure(contender: Contender): Promise<{ lost: number; revived: number }> {
  await using server = await serve(contender);
  let [lost, revived] = [0, 0];
  for (let round = 0; round < rounds; round++) {
    const { cookie } = await server.ask("/login", "");
    const paths = Array.from({ length: PARALLEL }, (_, at) => `/set/key-${at}`);
    await Promise.all(paths.map((path) => server.ask(path, cookie)));
    lost += PARALLEL + 1 - (await server.ask("/", cookie)).keys.length;
    const racing = [...paths, ...paths].toSpliced(PARALLEL, 0, "/logout");
    await Promise.all(racing.map((path) => server.ask(path, cookie)));
    if ((await server.ask("/", cookie)).keys.includes("user")) revived++;
  }
  return { lost, revived };
}

const rows = [["", "changes lost", "log-outs undone"]];
for (const [name, contender] of [
  ["@scs/session on memstore", scs()],
  ["express-session on its MemoryStore", peer()],
] as const) {
  const { lost, revived } = await measure(contender);
  rows.push([name, `${lost} of ${rounds * PARALLEL}`, `${revived} of ${rounds}`]);
}
console.log(
  `${rounds} rounds: ${PARALLEL} parallel requests that each set a key of their own; then a log-out among ${2 * PARALLEL} of them.\n`,
);
console.log(table(rows));
