import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { FileStore } from "@scs/filestore";
import { expect, it } from "vitest";

const module = fileURLToPath(new URL("./fixtures/fleet-process.js", import.meta.url));
const USERS = 6;

/** One process of the service. */
class Instance {
  readonly #child: ChildProcess;
  readonly #waiting: Map<number, [(answer: never) => void, (error: Error) => void]> = new Map();
  #lastId = 0;

  private constructor(args: string[]) {
    this.#child = fork(module, args);
    this.#child.on("message", ({ id, answer, error }: { id: number; answer: never; error?: string }) => {
      const [resolve, reject] = this.#waiting.get(id) ?? [];
      this.#waiting.delete(id);
      if (error === undefined) resolve?.(answer);
      else reject?.(new Error(error));
    });
  }

  static async start(...args: string[]): Promise<Instance> {
    const instance = new Instance(args);
    await once(instance.#child, "message");
    return instance;
  }

  ask<R>(name: string, ...args: unknown[]): Promise<R> {
    const id = ++this.#lastId;
    return new Promise<R>((resolve, reject) => {
      this.#waiting.set(id, [resolve as (answer: never) => void, reject]);
      this.#child.send({ id, name, args });
    });
  }

  async stop(): Promise<void> {
    const ended = once(this.#child, "exit");
    this.#child.disconnect();
    await ended;
  }
}

it("moves a fleet of four processes to another store, with two stages side by side, and loses nothing", {
  timeout: 300_000,
}, async () => {
  const folder = mkdtempSync(join(tmpdir(), "deployment-"));
  const [from, to] = [join(folder, "old"), join(folder, "new")];
  const fleet = await Promise.all([1, 2, 3, 4].map(() => Instance.start(from, to, "old")));
  const tokens: { user: string; token: string }[] = [];
  const [loggedOut, expected]: [string[], Map<string, number>] = [[], new Map()];

  /** Makes new log-ins, a log-out, and changes of every session, concurrently on all processes. */
  const useIt = async () => {
    const present = [...tokens];
    const leaving = present.length > USERS ? tokens.splice(tokens.indexOf(present[0] as never), 1) : [];
    const logIns = fleet.flatMap((instance, at) =>
      [0, 1].map(async (n) => {
        const user = `user${(at * 2 + n) % USERS}`;
        tokens.push({ user, token: await instance.ask<string>("logIn", user) });
      }),
    );
    const logOuts = leaving.map(async ({ token }) => {
      await fleet[0]?.ask("logOut", token);
      loggedOut.push(token);
    });
    const changes = present
      .filter((each) => !leaving.includes(each))
      .flatMap(({ token }) =>
        fleet.map(async (instance, at) => {
          expect(await instance.ask("count", token, `count${at}`)).not.toBe("destroyed");
          expected.set(`${token} count${at}`, (expected.get(`${token} count${at}`) ?? 0) + 1);
        }),
      );
    const late = leaving.map(({ token }) => fleet[1]?.ask("count", token, "late")); // races with the log-out
    await Promise.all([...logIns, ...logOuts, ...changes, ...late]);
  };

  await useIt();
  for (const stage of ["prepare", "move", "finish", "new"]) {
    if (stage === "new") await fleet[0]?.ask("moveAll");
    for (const half of [
      [0, 1],
      [2, 3],
    ]) {
      await Promise.all(
        half.map(async (at) => {
          await fleet[at]?.stop();
          fleet[at] = await Instance.start(from, to, stage);
        }),
      );
      await useIt(); // with two stages, then with one
    }
  }

  for (const [key, count] of expected) {
    const [token, name] = key.split(" ");
    if (loggedOut.includes(token as string)) continue;
    expect(await fleet[3]?.ask("read", token, name), "changes that were acknowledged").toBe(count);
  }
  for (const token of loggedOut)
    expect(await fleet[2]?.ask("read", token, "user"), "logged out").toBeUndefined();
  for (let n = 0; n < USERS; n++) {
    const sessions = tokens.filter(({ user }) => user === `user${n}`).length;
    expect(await fleet[1]?.ask("list", `user${n}`), "sessions on an owner's list").toBe(sessions);
  }
  for (const instance of fleet) expect(await instance.ask("errors")).toEqual([]);
  await Promise.all(fleet.map((instance) => instance.stop()));
  expect(loggedOut.length).toBeGreaterThan(4);
  expect(readdirSync(to).length, "the new store has them").toBeGreaterThan(0);
  await using old = new FileStore(from, { cleanupIntervalMs: 0 });
  for await (const { data } of old.entries()) expect(data.length, "signposts are all that is left").toBe(32);
  rmSync(folder, { recursive: true });
});
