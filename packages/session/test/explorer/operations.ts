import type { Session } from "../../src/index.js";
import { type Answer, GRACE_MS, type Manager, START, type Values, type World } from "./world.js";

export interface Operation {
  name: string;
  run: (world: World, manager: Manager) => Promise<Answer>;
}

/** An operation of a request with the token of session S. */
function request(name: string, work: (session: Session<Values>, world: World) => unknown): Operation {
  return {
    name,
    async run(world, manager) {
      const session = await manager.load(world.tokens.get("S"));
      const isFound = session.has("mark");
      if (!isFound) return { name, isFound, isDropped: true };
      await work(session, world);
      const header = await manager.commit(session);
      const isDropped = session.status === "destroyed";
      const isGiven = header !== undefined && !isDropped;
      return { name, isFound, isDropped, token: isGiven ? session.token : undefined };
    },
  };
}

/** An operation without a request. */
function service(name: string, work: (manager: Manager, world: World) => Promise<unknown>): Operation {
  return {
    name,
    run: async (world, manager) => ({
      name,
      isFound: true,
      isDropped: false,
      result: await work(manager, world),
    }),
  };
}

export const OPERATIONS: readonly Operation[] = [
  request("set a", (session) => session.set("a", 1)),
  request("set b", (session) => session.set("b", 1)),
  request("delete a", (session) => session.delete("a")),
  request("touch", () => undefined),
  request("destroy", (session) => session.destroy()),
  request("renew", (session) => session.renew()),
  request("renew with grace", (session) => session.renew({ graceMs: GRACE_MS })),
  request("log in u1", (session) => session.set("userId", "u1")),
  request("log in u2, renewed", (session) => {
    session.renew();
    session.set("userId", "u2");
  }),
  request("delete userId", (session) => session.delete("userId")),
  request("set deadline", (session) => session.setDeadline(new Date(START + 7_200_000))),
  request("remember", (session) => session.remember(true)),
  request("merge", (session, world) => session.merge(world.tokens.get("M") as string)),
  service("revoke", (manager, world) => manager.revoke(world.handles.get("S") ?? "")),
  service("revokeAll u1", (manager) => manager.revokeAll("u1")),
  service("list u1", (manager) => manager.list("u1")),
  service("new log-in u1", async (manager, world) => {
    const session = await manager.load(undefined);
    const mark = world.nextMark();
    session.set("mark", mark).set("userId", "u1");
    await manager.commit(session);
    return session.status === "destroyed" ? undefined : mark;
  }),
];
