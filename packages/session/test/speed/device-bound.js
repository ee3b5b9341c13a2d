// Compares requests of a bound session with those of an unbound one: A B A B, by CPU time of the server and by requests a
// second. Run it with `npm run speed` in packages/session.
import { fork } from "node:child_process";
import { generateKeyPairSync, sign } from "node:crypto";
import { once } from "node:events";
import { Agent, request } from "node:http";
import { fileURLToPath } from "node:url";

const [ROUNDS, REQUESTS, CONNECTIONS] = [7, 1000, 16];
const child = fork(fileURLToPath(new URL("server.js", import.meta.url)));
const [{ port }] = await once(child, "message");
const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });

/**
 * @param {string} path
 * @param {Record<string, string>} headers
 * @returns {Promise<{ headers: import("node:http").IncomingHttpHeaders; body: string }>}
 */
async function send(path, headers = {}, method = "GET") {
  const req = request({ port, path, method, headers, agent, host: "127.0.0.1" }).end();
  const [res] = await once(req, "response");
  let body = "";
  for await (const chunk of res) body += chunk;
  return { headers: res.headers, body };
}

async function cpuMs() {
  child.send("cpu");
  const [{ user, system }] = await once(child, "message");
  return (user + system) / 1000;
}

/** @param {string[] | undefined} setCookies */
const cookieOf = (setCookies = []) => setCookies.map((each) => each.split(";")[0]).join("; ");
/** @param {unknown} part */
const encode = (part) => Buffer.from(JSON.stringify(part)).toString("base64url");

async function logIn() {
  const { headers } = await send("/login");
  return { cookie: cookieOf(headers["set-cookie"]), asked: String(headers["secure-session-registration"]) };
}

/** Logs in, and binds the session to a key. */
async function logInBound() {
  const { cookie, asked } = await logIn();
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jti = /challenge="([^"]+)"/.exec(asked)?.[1];
  const signed = `${encode({ typ: "dbsc+jwt", alg: "ES256", jwk: publicKey.export({ format: "jwk" }) })}.${encode({ jti })}`;
  const signature = sign("sha256", Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
  const proof = { cookie, "secure-session-response": `${signed}.${signature.toString("base64url")}` };
  const { headers } = await send("/.session/bind", proof, "POST");
  return `${cookie}; ${cookieOf(headers["set-cookie"])}`;
}

/**
 * @param {string} path
 * @param {string} cookie
 * @param {string} expected
 */
async function measure(path, cookie, expected) {
  const [cpu, start] = [await cpuMs(), performance.now()];
  let left = REQUESTS;
  const client = async () => {
    while (left-- > 0) {
      const { body } = await send(path, { cookie });
      if (body !== expected) throw new Error(`${path} answered ${body}`);
    }
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, client));
  const ms = performance.now() - start;
  return { cpu: ((await cpuMs()) - cpu) / REQUESTS, rate: (REQUESTS / ms) * 1000 };
}

/** @param {number[]} values */
function spread(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (/** @type {number} */ part) =>
    /** @type {number} */ (sorted[Math.floor((sorted.length - 1) * part)]).toFixed(2);
  return `${at(0.5)} (${at(0)} to ${at(1)})`;
}

const { cookie: unbound } = await logIn();
const bound = await logInBound();
for (const path of ["/", "/change"]) {
  const ratios = { cpu: /** @type {number[]} */ ([]), rate: /** @type {number[]} */ ([]) };
  for (let round = -1; round < ROUNDS; round++) {
    const without = await measure(path, unbound, "u1 asked");
    const by = await measure(path, bound, "u1 bound");
    if (round < 0) continue; // the first warms up
    ratios.cpu.push(by.cpu / without.cpu);
    ratios.rate.push(by.rate / without.rate);
  }
  const what = path === "/" ? "reads" : "changes";
  console.log(
    `${what}: bound / unbound, CPU time ${spread(ratios.cpu)}, requests a second ${spread(ratios.rate)}`,
  );
}
agent.destroy();
child.kill();
