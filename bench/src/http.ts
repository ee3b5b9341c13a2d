import autocannon from "autocannon";
import { failureOf, type Outcome } from "./cell.js";
import { runInChild } from "./child.js";
import type { Durability } from "./contender.js";
import { databaseFor } from "./database.js";
import { makeDirectory } from "./directory.js";
import type { Family, Role } from "./families.js";
import { ANSWERS } from "./http-app.js";
import type { HttpCommand, HttpMessage, HttpRequest } from "./http-child.js";
import { type HttpContender, httpContendersOf, type Route, type Stack } from "./http-contender.js";
import { WrongAnswer } from "./ledger.js";
import { namesIn } from "./names.js";
import { turnsOf } from "./operation.js";
import type { Site } from "./site.js";
import { startWatch } from "./stopwatch.js";

/** One application of one family on one route, with so many connections, each with a session of its own. */
export interface HttpRow {
  store: string;
  contender: string;
  role: Role;
  durability: Durability;
  stack: Stack;
  route: Route;
  connections: number;
  /** When the run began. */
  run?: string;
  /** Requests a second; CPU time of the application's process. */
  rounds: Outcome[];
}

export interface HttpOptions {
  families: readonly Family[];
  stacks: readonly Stack[];
  routes: readonly Route[];
  connections: readonly number[];
  rounds: number;
  /** How long a round is, in whole seconds. */
  seconds: number;
  only?: readonly string[] | undefined;
  nodeOptions: readonly string[];
}

/** An application has this time for what is not measured, beside that of all rounds of all that take turns with it. */
const LIMIT_MS = 120_000;

/** An application that is served, with a session for each connection. */
interface Served {
  url: string;
  cookies: string[];
  serverPid?: number;
  tell(command: HttpCommand): Promise<HttpMessage>;
  close(): Promise<void>;
}

async function serve(
  contender: HttpContender,
  { stack, route, connections }: { stack: Stack; route: Route; connections: number },
  { nodeOptions, limitMs }: { nodeOptions: readonly string[]; limitMs: number },
  { directory, servers }: Site,
): Promise<Served> {
  const database = await databaseFor(contender.server, servers);
  const environment = {
    ...{ directory: await makeDirectory(directory), sessions: connections, size: 256 },
    ...(database !== undefined && { url: database.url }),
  };
  const request: HttpRequest = { contender, stack, route, environment };
  let reply: (answer: object) => void = () => undefined;
  let hear: (message: HttpMessage) => void = () => undefined;
  const ended = runInChild<HttpMessage>("./http-child.js", request, {
    onMessage: (message, answer) => {
      reply = answer;
      hear(message);
    },
    limitMs,
    nodeOptions,
  });
  const hasEnded = ended.then(() => Promise.reject(new Error("its process has ended")));
  hasEnded.catch(() => undefined); // told to whoever waits for a message
  const next = () =>
    Promise.race([
      hasEnded,
      new Promise<HttpMessage>((resolve) => {
        hear = resolve;
      }),
    ]);
  const close = async () => {
    reply({ command: "close" });
    try {
      await ended;
    } finally {
      await database?.drop();
    }
  };
  const { port } = await next();
  const url = `http://127.0.0.1:${port}`;
  const logIn = async () => {
    const answer = await fetch(`${url}/login`);
    await answer.text();
    return answer.headers.getSetCookie()[0]?.split(";")[0] ?? "none=0";
  };
  try {
    // If the application dies of it, that is the reason, not that it could not be reached.
    const cookies = await Promise.race([hasEnded, Promise.all(Array.from({ length: connections }, logIn))]);
    return {
      ...{ url, cookies, close },
      ...(contender.server !== undefined && { serverPid: (await servers.get(contender.server)).pid }),
      tell: (command) => {
        const told = next();
        reply({ command });
        return told;
      },
    };
  } catch (error) {
    await close().catch(() => undefined);
    throw error;
  }
}

/** How many changes the sessions have seen. @throws WrongAnswer if a session is not there */
async function countChanges({ url, cookies }: Served): Promise<number> {
  const texts = await Promise.all(
    cookies.map(async (cookie) => (await fetch(`${url}/read`, { headers: { cookie } })).text()),
  );
  return texts.reduce((sum, text) => {
    const count = /^visit (\d+) of Ada/.exec(text)?.[1];
    if (count === undefined) throw new WrongAnswer("a session was not found");
    return sum + Number(count);
  }, 0);
}

/** Requests for so many seconds. @throws WrongAnswer if an answer is not as it must be, or a change was lost */
async function load(served: Served, row: HttpRow, seconds: number): Promise<Outcome> {
  const { url, cookies, serverPid } = served;
  const hasSessions = row.role !== "limit";
  const isChanging = hasSessions && row.route === "modify";
  const before = isChanging ? await countChanges(served) : 0;
  let connected = 0;
  await served.tell("begin");
  const stop = await startWatch(serverPid === undefined ? undefined : { pid: serverPid });
  const result = await autocannon({
    ...{ url: `${url}/${row.route}`, connections: cookies.length, duration: seconds },
    ...(!isChanging && { expectBody: hasSessions ? ANSWERS.withSession : ANSWERS.without }),
    setupClient: (client) => client.setHeaders({ cookie: cookies[connected++ % cookies.length] }),
  });
  const { server } = await stop();
  const { cpu = Number.NaN } = await served.tell("end");
  const { non2xx, errors, mismatches, latency, duration } = result;
  const answered = result["2xx"];
  if (non2xx + errors + mismatches > 0 || answered === 0)
    throw new WrongAnswer(
      `of ${answered + non2xx} answers ${non2xx} were refusals and ${mismatches} wrong, ${errors} requests failed`,
    );
  if (isChanging) {
    // A request that was cut off at the end may have changed its session: one for each connection.
    const changes = (await countChanges(served)) - before;
    if (changes < answered || changes > answered + cookies.length)
      throw new WrongAnswer(`${answered} sessions were changed, and ${changes} changes are there`);
  }
  return {
    perSecond: answered / duration,
    p50: latency.p50 * 1000,
    p99: latency.p99 * 1000,
    client: cpu / answered,
    ...(server !== undefined && { server: server / answered }),
  };
}

/** The applications in turn, and that for several rounds, so that noise of the machine meets all of them. */
export async function measureHttp(options: HttpOptions, site: Site): Promise<HttpRow[]> {
  const { families, stacks, routes, connections, rounds, seconds, only } = options;
  const names = families.flatMap((family) => httpContendersOf(family).map(({ name }) => name));
  const chosen = only === undefined ? undefined : namesIn("contender", only, names);
  const plan = families.flatMap((family) =>
    stacks.flatMap((stack) =>
      routes.flatMap((route) =>
        connections.map((count) => ({
          ...{ store: family.store, stack, route, connections: count },
          contenders: httpContendersOf(family).filter(({ name, isMissing, routes: own = routes }) => {
            const isAsked = (chosen === undefined || chosen.includes(name)) && own.includes(route);
            return isAsked && isMissing?.() === undefined;
          }),
        })),
      ),
    ),
  );
  site.progress.start(plan.reduce((sum, { contenders }) => sum + contenders.length * (rounds + 1), 0));
  const rows: HttpRow[] = [];
  for (const { contenders, ...what } of plan) {
    const own = contenders.map(({ name, role, durability }): HttpRow => {
      return { ...what, contender: name, role, durability, rounds: [] };
    });
    rows.push(...own);
    const served: (Served | Error)[] = [];
    const limitMs = LIMIT_MS + 2 * contenders.length * (rounds + 1) * seconds * 1000;
    for (const contender of contenders)
      served.push(
        await serve(contender, what, { ...options, limitMs }, site).catch((error) => error as Error),
      );
    for (let round = -1; round < rounds; round++) {
      for (const index of turnsOf(own.length, round + 1)) {
        const row = own[index] as HttpRow;
        site.progress.step(`${row.route}: ${row.contender}`);
        const app = served[index] as Served | Error;
        const outcome =
          app instanceof Error ? failureOf(app) : await load(app, row, seconds).catch(failureOf);
        // The first round warms up; who answers wrongly in it has failed all the same.
        if (round >= 0) row.rounds.push(outcome);
        else if ("failure" in outcome && !(app instanceof Error)) {
          served[index] = new WrongAnswer(outcome.failure);
          await app.close().catch(() => undefined);
        }
      }
    }
    for (const [index, app] of served.entries()) {
      if (app instanceof Error) continue;
      const failure = await app.close().then(() => undefined, failureOf);
      const row = own[index] as HttpRow;
      // What does not end well may have done in any of the rounds what it died of.
      if (failure !== undefined) row.rounds = row.rounds.map((each) => ("failure" in each ? each : failure));
    }
  }
  return rows;
}
