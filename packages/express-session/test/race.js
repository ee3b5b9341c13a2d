// Races requests of one session over HTTP, and counts the losses: `node test/race.js [express-session] [rounds]`.
import { Agent, createServer, request } from "node:http";
import { pathToFileURL } from "node:url";
import express from "express";

/** Number of parallel requests in a round, each of which changes its own key. */
const WRITERS = 5;

/** @typedef {{ rounds: number, lostKeys: number, revivals: number }} Losses */

/** Makes requests wait for each other, so that all have loaded the session before any saves it. */
class Meeting {
  #missing;
  /** @type {() => void} */
  #begin = () => undefined;
  #all = new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
    this.#begin = resolve;
  });

  /** @param {number} size */
  constructor(size) {
    this.#missing = size;
  }

  /** Waits until all have arrived. */
  join() {
    if (--this.#missing === 0) this.#begin();
    return this.#all;
  }
}

/**
 * Creates an app whose requests wait for each other before they save.
 *
 * @param {express.RequestHandler} session
 */
function racingApp(session) {
  let meeting = new Meeting(0);
  const app = express().use(session);
  app.get("/meet/:size", (req, res) => {
    meeting = new Meeting(Number(req.params.size));
    res.end();
  });
  app.get("/login", (req, res, next) => {
    req.session.regenerate((error) => {
      if (error) return next(error);
      Object.assign(req.session, { user: "ada" });
      res.end();
    });
  });
  app.get("/set/:key", async (req, res) => {
    await meeting.join();
    Object.assign(req.session, { [String(req.params.key)]: true });
    res.end();
  });
  app.get("/logout", async (req, res, next) => {
    req.session.destroy(async (error) => {
      if (error) return next(error);
      await meeting.join(); // the others save after the session has ended
      res.end();
    });
  });
  app.get("/", (req, res) => void res.json(Object.keys(req.session)));
  return app;
}

/**
 * @param {number} port
 * @param {Agent} agent
 * @param {string} path
 * @param {string} [cookie]
 * @returns {Promise<{ cookie: string | undefined, body: string }>}
 */
function ask(port, agent, path, cookie) {
  return new Promise((resolve, reject) => {
    const headers = cookie === undefined ? {} : { cookie };
    const asked = request({ port, host: "127.0.0.1", path, agent, headers }, (res) => {
      let body = "";
      res.setEncoding("utf8").on("data", (text) => {
        body += text;
      });
      res.once("end", () => resolve({ cookie: res.headers["set-cookie"]?.[0]?.split(";")[0], body }));
    });
    asked.once("error", reject).end();
  });
}

/**
 * Runs the race under a session middleware.
 *
 * @param {express.RequestHandler} session
 * @param {number} rounds
 * @returns {Promise<Losses>}
 */
export async function race(session, rounds) {
  const server = createServer(racingApp(session));
  await new Promise((resolve) => server.listen(0, "127.0.0.1", () => resolve(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  const agent = new Agent({ keepAlive: true });
  const losses = { rounds, lostKeys: 0, revivals: 0 };
  for (let round = 0; round < rounds; round++) {
    const { cookie } = await ask(port, agent, "/login");
    const keys = Array.from({ length: WRITERS }, (_, at) => `key${at}`);
    await ask(port, agent, `/meet/${WRITERS}`);
    await Promise.all(keys.map((key) => ask(port, agent, `/set/${key}`, cookie)));
    const kept = JSON.parse((await ask(port, agent, "/", cookie)).body);
    losses.lostKeys += keys.filter((key) => !kept.includes(key)).length;
    await ask(port, agent, "/meet/3");
    const late = await Promise.all(
      ["/logout", "/set/a", "/set/b"].map((path) => ask(port, agent, path, cookie)),
    );
    const cookies = new Set([cookie, ...late.map((each) => each.cookie)]);
    for (const each of cookies) {
      const { body } = await ask(port, agent, "/", each);
      if (JSON.parse(body).includes("user")) losses.revivals++;
    }
  }
  agent.destroy();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  return losses;
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const [, , first, second] = process.argv;
  const name = first === "express-session" ? "express-session" : "@scs/express-session";
  const { default: session } = await import(name);
  const rounds = Number(second ?? (first === name ? undefined : first)) || 1000;
  const options = { secret: "keyboard cat", resave: false, saveUninitialized: false };
  console.log(name, await race(session(options), rounds));
}
