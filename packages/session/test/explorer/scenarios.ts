import assert from "node:assert/strict";
import type { Session } from "../../src/index.js";
import type { Scenario } from "./explore.js";
import { OPERATIONS, type Operation } from "./operations.js";
import { checkPromises } from "./promises.js";
import { type Manager, type Values, World } from "./world.js";

/** Operations on session S, initially without an owner or owned by u1, in one process or one each. */
export interface Setting {
  operations: readonly Operation[];
  isOwned: boolean;
  processes: number;
}

export function nameOf({ operations, isOwned, processes }: Setting): string {
  const names = operations.map(({ name }) => name).join(" | ");
  return `${names} (${isOwned ? "u1's" : "nobody's"}, ${processes === 1 ? "one process" : "a process each"})`;
}

/** Returns every combination of `size` operations, with repetition, in each setting. */
export function* settings(size: number): Generator<Setting> {
  for (const operations of combinations(size, 0)) {
    for (const isOwned of [true, false]) {
      for (const processes of [1, size]) yield { operations, isOwned, processes };
    }
  }
}

function* combinations(size: number, from: number): Generator<Operation[]> {
  if (size === 0) return yield [];
  for (let at = from; at < OPERATIONS.length; at++) {
    for (const rest of combinations(size - 1, at)) yield [OPERATIONS[at] as Operation, ...rest];
  }
}

/** Prepares the sessions once. Returns a function that creates the scenario from them. */
export async function prepare({ operations, isOwned, processes }: Setting): Promise<() => Promise<Scenario>> {
  const isCrowded = operations.some(({ name }) => name === "new log-in u1");
  const before = new World(0, isCrowded ? 2 : 50);
  await addSessions(before, isOwned);
  return async () => {
    const world = new World(processes, before.maxPerOwner, before);
    const processOf = (at: number): number => at % processes;
    return {
      store: world.store,
      processOf,
      operations: operations.map((operation, at) => async () => {
        try {
          world.answers[at] = await operation.run(world, world.managers[processOf(at)] as Manager);
        } catch (error) {
          world.errors.set(at, error);
        }
      }),
      check: (stopped, fault) =>
        checkPromises(
          world,
          operations.map(({ name }) => name),
          stopped,
          fault,
        ),
    };
  };
}

/** Creates sessions S and M, which two processes merge into each other while another request changes S. */
export async function prepareMutualMerge(): Promise<() => Promise<Scenario>> {
  const before = new World(0, 50);
  await addSessions(before, true);
  return async () => {
    const world = new World(3, before.maxPerOwner, before);
    let isChanged = false;
    const changing =
      (at: number, mark: string, change: (session: Session<Values>) => unknown) => async () => {
        const manager = world.managers[at] as Manager;
        const session = await manager.load(world.tokens.get(mark));
        if ([...session.keys()].length === 0) return;
        await change(session);
        await manager.commit(session);
        if (session.has("b") && session.status !== "destroyed") isChanged = true;
      };
    return {
      store: world.store,
      processOf: (at) => at,
      operations: [
        changing(0, "S", (session) => session.merge(world.tokens.get("M") as string)),
        changing(1, "M", (session) => session.merge(world.tokens.get("S") as string)),
        changing(2, "S", (session) => session.set("b", 1)),
      ],
      async check() {
        const live = [...(await world.live()).values()].flat();
        assert.ok(
          live.some(({ mark }) => mark === "S"),
          "the values of S are lost",
        );
        assert.ok(
          live.some(({ extra }) => extra === 7),
          "the values of M are lost",
        );
        if (isChanged)
          assert.ok(
            live.some(({ b }) => b === 1),
            "the change of S is lost",
          );
      },
    };
  };
}

async function addSessions(world: World, isOwned: boolean): Promise<void> {
  await world.begin("T", "u1");
  await world.begin("V", "u2");
  await world.begin("S", isOwned ? "u1" : undefined);
  const merged = world.newManager();
  const other = await merged.load(undefined);
  await merged.commit(other.set("extra", 7));
  world.tokens.set("M", other.token as string);
  world.now += 2000; // so that a touch is due
}
