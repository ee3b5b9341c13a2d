import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openBoltStore } from "@scs/boltstore";
import { MemStore } from "@scs/memstore";
import { describe, expect, it } from "vitest";
import { SessionManager } from "../src/index.js";
import { serveRaces } from "./fixtures/race-app.js";
import { RacingClient } from "./fixtures/racing-client.js";

/** The long form, `npm run crash` in the root, has 1,000 rounds. */
const rounds = process.env.SCS_TEST_KILLS === undefined ? 40 : 1000;
const timeout = 60_000 + rounds * 500;

interface Racing extends AsyncDisposable {
  /** Where the app is served, once or by several processes. */
  ports: number[];
  client: RacingClient;
}

async function temporary(): Promise<{ path: string } & AsyncDisposable> {
  const directory = await mkdtemp(join(tmpdir(), "scs-session-"));
  const remove = () => rm(directory, { recursive: true });
  return { path: join(directory, "sessions.mdb"), [Symbol.asyncDispose]: remove };
}

async function inProcess(durable: boolean): Promise<Racing> {
  const file = await temporary();
  const options = { cleanupIntervalMs: 0 };
  const store = durable
    ? await openBoltStore(file.path, { ...options, durability: "committed" })
    : new MemStore(options);
  const server = await serveRaces(new SessionManager({ store, cookie: { secure: false } }));
  const client = new RacingClient();
  return {
    ...{ ports: [(server.address() as AddressInfo).port], client },
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
      await store[Symbol.asyncDispose]();
      await file[Symbol.asyncDispose]();
    },
  };
}

async function inTwoProcesses(): Promise<Racing> {
  const file = await temporary();
  const script = fileURLToPath(new URL("fixtures/race-process.js", import.meta.url));
  const children = [fork(script, [file.path]), fork(script, [file.path])];
  const ports = await Promise.all(children.map(async (child) => Number((await once(child, "message"))[0])));
  const client = new RacingClient();
  return {
    ...{ ports, client },
    async [Symbol.asyncDispose]() {
      client[Symbol.dispose]();
      const exits = children.map((child) => once(child, "exit"));
      for (const child of children) child.disconnect();
      await Promise.all(exits);
      await file[Symbol.asyncDispose]();
    },
  };
}

describe.each<[string, () => Promise<Racing>]>([
  ["memstore", () => inProcess(false)],
  ["boltstore", () => inProcess(true)],
  ["two processes on one boltstore", inTwoProcesses],
])("over HTTP on %s", (_, open) => {
  it("50 parallel requests that each add a key lose none", { timeout }, async () => {
    await using racing = await open();
    const { client, ports } = racing;
    const { token } = await client.ask(ports[0] as number, "/login");
    const sets = Array.from({ length: 50 }, (_each, at) =>
      client.ask(ports[at % ports.length] as number, `/set/${at}`, token),
    );
    await Promise.all(sets);
    const { keys } = await client.ask(ports[0] as number, "/", token);
    const expected = Array.from({ length: 50 }, (_each, at) => `key-${at}`);
    expect(keys.sort()).toEqual(["userId", ...expected].sort());
  });

  it(`a log-out that races 50 saves is never undone, in ${rounds} rounds`, { timeout }, async () => {
    await using racing = await open();
    const { client, ports } = racing;
    let overtaken = 0;
    for (let round = 0; round < rounds; round++) {
      const { token } = await client.ask(ports[0] as number, "/login");
      const requests = Array.from({ length: 51 }, (_each, at) =>
        client.ask(ports[at % ports.length] as number, at === round % 51 ? "/logout" : `/set/${at}`, token),
      );
      const answers = await Promise.all(requests);
      expect((await client.ask(ports[0] as number, "/", token)).keys, `round ${round}`).toEqual([]);
      // A late request may have begun a new session, with only its own value.
      const begun = answers.map((answer) => answer.token).filter((each) => each !== undefined && each !== "");
      for (const each of new Set(begun)) {
        expect((await client.ask(ports[0] as number, "/", each)).keys, `round ${round}`).toEqual([
          expect.stringMatching(/^key-/),
        ]);
        overtaken++;
      }
    }
    expect(overtaken).toBeGreaterThan(0);
  });

  it("a renewal with grace that races 30 saves loses none of them", { timeout }, async () => {
    await using racing = await open();
    const { client, ports } = racing;
    for (let round = 0; round < Math.max(5, rounds / 10); round++) {
      const { token } = await client.ask(ports[0] as number, "/login");
      const requests = Array.from({ length: 31 }, (_each, at) =>
        client.ask(ports[at % ports.length] as number, at === round % 31 ? "/renew" : `/set/${at}`, token),
      );
      const renewed = (await Promise.all(requests)).map((answer) => answer.token).find((each) => each);
      expect(renewed).not.toBe(token);
      const { keys } = await client.ask(ports[0] as number, "/", renewed);
      expect(keys, `round ${round}`).toHaveLength(31);
      expect((await client.ask(ports[0] as number, "/", token)).keys.sort()).toEqual(keys.sort());
    }
  });
});
