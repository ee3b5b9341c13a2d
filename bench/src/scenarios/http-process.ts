import autocannon from "autocannon";
import { Child } from "../harness/child.js";
import type { Measured } from "./contender-process.js";
import type { HttpAnswer, HttpCommand, HttpRequest } from "./http-child.js";
import type { Task } from "./operation.js";
import { failureOf, type Outcome, WrongAnswer } from "./outcome.js";

/** Time limit of one command, after which the process counts as hanging. */
const LIMIT_MS = 60_000;
/** How often autocannon looks at its figures, and whether the run is over. */
const SAMPLE_MS = 50;
/** Time limit of one request. */
const TIMEOUT_S = 60;
/** Number of requests before a measurement, and before the first one of a full run, while V8 still compiles the code. */
const WARM_UP_REQUESTS = { each: 500, first: 4_000 };
const ANSWER = /^visit (\d+) of Ada Lovelace$/;

/** The length of a measurement: in seconds, or for a quick run in requests. */
export type Extent = { duration: number } | { amount: number };

interface Served {
  child: Child<HttpCommand, HttpAnswer>;
  url: string;
  /** The cookies of the sessions, one for each connection. */
  cookies: string[];
}

/** Runs an HTTP application on one contender in a process of its own, and sends requests to it. */
export class HttpProcess implements Measured {
  readonly #prepare: () => Promise<HttpRequest>;
  readonly #extent: Extent;
  #served: Served | undefined;
  /** The operations whose code is compiled. */
  readonly #warm: Set<string> = new Set();
  #failure: { failure: string } | undefined;

  /** @param prepare returns the request; starts the server that the contender needs */
  constructor(prepare: () => Promise<HttpRequest>, extent: Extent) {
    this.#prepare = prepare;
    this.#extent = extent;
  }

  async measure({ operation, inFlight }: Task): Promise<Outcome> {
    if (this.#failure !== undefined) return this.#failure;
    try {
      this.#served ??= await this.#serve();
      const { cookies, url } = this.#served;
      while (cookies.length < inFlight) cookies.push(await logIn(url));
      const served = { ...this.#served, cookies: cookies.slice(0, inFlight) };
      const isWriting = operation === "http-write";
      const isCold = "duration" in this.#extent && !this.#warm.has(operation);
      const amount = Math.max(isCold ? WARM_UP_REQUESTS.first : WARM_UP_REQUESTS.each, inFlight);
      await load(served, `/${operation}`, isWriting, { amount });
      this.#warm.add(operation);
      return await load(served, `/${operation}`, isWriting, this.#extent);
    } catch (error) {
      this.#failure = failureOf(error); // the state of its sessions is unknown now
      return this.#failure;
    }
  }

  async endRound(): Promise<undefined> {}

  async end(): Promise<Outcome | undefined> {
    const failure = await this.#served?.child.end(LIMIT_MS);
    return failure === undefined ? undefined : { failure };
  }

  async #serve(): Promise<Served> {
    const given = await this.#prepare();
    const child = new Child<HttpCommand, HttpAnswer>(new URL("./http-child.js", import.meta.url), given);
    const { port } = await child.ask({ command: "listen" }, LIMIT_MS);
    return { child, url: `http://127.0.0.1:${port}`, cookies: [] };
  }
}

async function logIn(url: string): Promise<string> {
  const answer = await fetch(`${url}/login`);
  await answer.text();
  const [cookie] = answer.headers.getSetCookie();
  if (cookie === undefined) throw new WrongAnswer("the answer to the log-in sets no cookie");
  return cookie.split(";")[0] as string;
}

/** Sends requests. @throws WrongAnswer if an answer is wrong, or a change was lost */
async function load(served: Served, path: string, isWriting: boolean, extent: Extent): Promise<Outcome> {
  const { child, url, cookies } = served;
  const before = await countChanges(served);
  let [connected, wrong] = [0, 0];
  await child.ask({ command: "begin" }, LIMIT_MS);
  const began = performance.now();
  const result = await autocannon({
    ...{ url: `${url}${path}`, connections: cookies.length, timeout: TIMEOUT_S, ...extent },
    sampleInt: SAMPLE_MS,
    setupClient: (client) => client.setHeaders({ cookie: cookies[connected++ % cookies.length] }),
    verifyBody: (body) => {
      if (!ANSWER.test(String(body))) wrong++;
      return true;
    },
  });
  const seconds = (performance.now() - began) / 1000;
  const { cpu = Number.NaN } = await child.ask({ command: "end" }, LIMIT_MS);
  const { non2xx, errors, latency } = result;
  const answered = result["2xx"];
  if (non2xx + errors + wrong > 0 || answered === 0)
    throw new WrongAnswer(
      `of ${answered + non2xx} answers ${non2xx} were refusals and ${wrong} wrong, ${errors} requests failed`,
    );
  const changes = (await countChanges(served)) - before;
  const [least, most] = isWriting ? [answered, answered + cookies.length] : [0, 0]; // the last answer of each connection may be cut off
  if (changes < least || changes > most)
    throw new WrongAnswer(`${changes} changes are stored, expected ${least} to ${most}`);
  return {
    perSecond: answered / seconds,
    p50: latency.p50 * 1000,
    p99: latency.p99 * 1000,
    cpu: cpu / answered,
  };
}

/** Returns the total number of changes in the sessions. @throws WrongAnswer if a session is missing */
async function countChanges({ url, cookies }: Served): Promise<number> {
  const texts = await Promise.all(
    cookies.map(async (cookie) => (await fetch(`${url}/http-read`, { headers: { cookie } })).text()),
  );
  return texts.reduce((sum, text) => {
    const count = ANSWER.exec(text)?.[1];
    if (count === undefined) throw new WrongAnswer("a session was not found");
    return sum + Number(count);
  }, 0);
}
