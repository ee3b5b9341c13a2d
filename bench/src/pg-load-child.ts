import { promisify } from "node:util";
import { answer } from "./child.js";
import { type Contender, findContender } from "./contender.js";
import { drivePromises } from "./drive.js";
import { type LoadOperation, type LoadRequest, type LoadResult, OPERATIONS } from "./pg-load-request.js";
import { started } from "./postgres.js";
import { serverCpu } from "./server-cpu.js";
import { createSession, shuffled, tokenGenerator } from "./sessions.js";

const PASSES = 3;

await answer<LoadRequest, LoadResult>(async ({ contender: name, sessions, size, inFlight, counts }) => {
  const expiry = new Date(Date.now() + 86_400_000);
  const contender = await findContender(name).open(expiry);
  const { pool, directory } = started[0] as (typeof started)[number];
  const call = callsOf(contender);
  const order = shuffled(sessions, 3);
  const next = tokenGenerator(1);
  const tokens = Array.from({ length: sessions }, next);
  const contents = [1, 2].map((version) =>
    order.map((index) => contender.prepare(createSession(index, version, size, expiry))),
  );
  let version = 0;
  const pass = async (operation: LoadOperation, latencies?: Float64Array): Promise<void> => {
    if (operation === "update") version = 1 - version;
    await drivePromises(sessions, inFlight, async (position) => {
      const began = performance.now();
      await call(operation, tokens[order[position] as number] as string, contents[version]?.[position]);
      if (latencies) latencies[position] = performance.now() - began;
    });
  };
  if (counts) await pool.query("CREATE EXTENSION pg_stat_statements");
  await pass("insert");
  await pass("find");
  await pass("update");

  const result: LoadResult = {};
  for (const operation of OPERATIONS) {
    const latencies: number[] = [];
    const cost = { wall: 0, node: 0, server: 0, statements: 0 };
    for (let round = 0; round < PASSES; round++) {
      if (operation === "insert") await pass("delete");
      if (counts) await pool.query("SELECT pg_stat_statements_reset()");
      const measured = new Float64Array(sessions);
      const [wall, node, server] = [performance.now(), process.cpuUsage(), serverCpu(directory)];
      await pass(operation, measured);
      cost.wall += performance.now() - wall;
      const { user, system } = process.cpuUsage(node);
      cost.node += user + system;
      cost.server += serverCpu(directory) - server;
      if (counts) {
        const { rows } = await pool.query(
          "SELECT sum(calls) AS calls FROM pg_stat_statements WHERE query NOT LIKE '%pg_stat_statements%'",
        );
        cost.statements += Number(rows[0].calls);
      }
      latencies.push(...measured);
      if (operation === "delete") await pass("insert");
    }
    latencies.sort((a, b) => a - b);
    const calls = PASSES * sessions;
    result[operation] = {
      perSecond: (calls / cost.wall) * 1000,
      statements: (cost.statements / calls) * 1000,
      serverMicros: cost.server / calls,
      nodeMicros: cost.node / calls,
      medianMs: latencies[Math.floor(calls / 2)] ?? Number.NaN,
      p99Ms: latencies[Math.floor(calls * 0.99)] ?? Number.NaN,
    };
  }
  await contender.close();
  return result;
});

/** The operations as promises, those of a peer as well: its callbacks come once for each call. */
function callsOf(
  contender: Contender,
): (operation: LoadOperation, token: string, content: unknown) => Promise<unknown> {
  const isPromise = contender.style === "promise";
  const find = isPromise ? contender.find : promisify(contender.find);
  const commit = isPromise ? contender.commit : promisify(contender.commit);
  const remove = isPromise ? contender.delete : promisify(contender.delete);
  return (operation, token, content) => {
    if (operation === "find") return find(token);
    return operation === "delete" ? remove(token) : commit(token, content);
  };
}
