import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import autocannon from "autocannon";
import {
  type HttpContender,
  httpContenders,
  type Route,
  routes,
  type Stack,
  stacks,
} from "./http-contender.js";
import { wholeNumber } from "./options.js";
import { type CpuProfile, shares } from "./profile-shares.js";
import { showSpread, spread } from "./statistics.js";
import { table } from "./table.js";

const { values } = parseArgs({
  options: {
    rounds: { type: "string", default: "5" },
    seconds: { type: "string", default: "2" },
    connections: { type: "string", default: "32" },
    stack: { type: "string", default: stacks.join(",") },
    route: { type: "string", default: routes.join(",") },
    profile: { type: "boolean", default: false },
  },
});
const rounds = wholeNumber("rounds", values.rounds);
const seconds = wholeNumber("seconds", values.seconds);
const connections = wholeNumber("connections", values.connections);

interface Served extends AsyncDisposable {
  child: ChildProcess;
  url: string;
  /** A session for each connection. */
  cookies: string[];
}

async function serve(
  contender: HttpContender,
  stack: Stack,
  route: Route,
  execArgv: string[] = [],
): Promise<Served> {
  const script = fileURLToPath(new URL("./http-child.js", import.meta.url));
  const child = fork(script, [JSON.stringify({ contender, stack, route })], { execArgv });
  const [port] = (await once(child, "message")) as [number];
  const url = `http://127.0.0.1:${port}`;
  const logIns = Array.from({ length: connections }, () => fetch(`${url}/login`));
  const answers = await Promise.all(logIns);
  const cookies = answers.map((answer) => answer.headers.getSetCookie()[0]?.split(";")[0] ?? "none=0");
  return {
    ...{ child, url, cookies },
    async [Symbol.asyncDispose]() {
      child.disconnect();
      await once(child, "exit");
    },
  };
}

/** Requests per second, and microseconds of the server's CPU time for each. */
async function load({ child, url, cookies }: Served, route: Route): Promise<{ rate: number; cpu: number }> {
  let connected = 0;
  child.send("begin");
  const result = await autocannon({
    ...{ url: `${url}/${route}`, connections, duration: seconds },
    setupClient: (client) => client.setHeaders({ cookie: cookies[connected++ % cookies.length] }),
  });
  child.send("end");
  const [{ user, system }] = (await once(child, "message")) as [{ user: number; system: number }];
  if (result.non2xx > 0 || result.errors > 0)
    throw new Error(`${result.non2xx} bad answers, ${result.errors} errors`);
  return { rate: result.requests.total / result.duration, cpu: (user + system) / result.requests.total };
}

/** The contenders in turn, and that for several rounds, so that noise of the machine meets all of them. */
async function compare(stack: Stack, route: Route): Promise<void> {
  const figures = new Map<HttpContender, { rate: number; cpu: number }[]>();
  const served = new Map<HttpContender, Served>();
  for (const contender of httpContenders) {
    served.set(contender, await serve(contender, stack, route));
    figures.set(contender, []);
  }
  for (let round = -1; round < rounds; round++) {
    for (const [contender, server] of served) {
      const figure = await load(server, route);
      if (round >= 0) figures.get(contender)?.push(figure); // the first round warms up
    }
  }
  for (const server of served.values()) await server[Symbol.asyncDispose]();
  const peer = figures.get("express-session") ?? [];
  const rows = [...figures].map(([contender, each]) => [
    contender,
    showSpread(spread(each.map(({ rate }) => rate)), (rate) => `${(rate / 1000).toFixed(1)}k`),
    showSpread(spread(each.map(({ rate }, round) => rate / (peer[round]?.rate ?? 0))), (ratio) =>
      ratio.toFixed(2),
    ),
    showSpread(spread(each.map(({ cpu }) => cpu)), (cpu) => cpu.toFixed(1)),
  ]);
  console.log(`\n${stack}, ${route}\n`);
  console.log(table([["", "requests/s", "times express-session", "CPU µs/request"], ...rows]));
}

async function profile(stack: Stack, route: Route): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), "scs-bench-"));
  const server = await serve("@scs/session", stack, route, ["--cpu-prof", `--cpu-prof-dir=${directory}`]);
  await load(server, route);
  await server[Symbol.asyncDispose]();
  const [file = ""] = await readdir(directory);
  const found = shares(JSON.parse(await readFile(join(directory, file), "utf8")) as CpuProfile);
  await rm(directory, { recursive: true });
  const shown = Object.entries(found).map(([what, share]) => `${what} ${(share * 100).toFixed(0)} %`);
  console.log(`${stack}, ${route}: ${shown.join(", ")}`);
}

function chosen<T extends string>(list: string, known: readonly T[]): T[] {
  return list.split(",").map((name) => {
    const found = known.find((each) => each === name.trim());
    if (found === undefined) throw new RangeError(`${name} is not known; known are: ${known.join(", ")}`);
    return found;
  });
}

console.log(`HTTP with sessions in memory: ${connections} connections, each with a session of its own, ${rounds} rounds of ${seconds} s,
each server in a process of its own; median (min–max). The load comes from this machine: it takes its share.`);
for (const stack of chosen(values.stack, stacks)) {
  for (const route of chosen(values.route, routes)) {
    if (values.profile) await profile(stack, route);
    else await compare(stack, route);
  }
}
