import type { Scenario } from "./explore.js";
import { OPERATIONS, type Operation } from "./operations.js";
import { checkPromises } from "./promises.js";
import { type Manager, World } from "./world.js";

/** Operations on session S, which is nobody's or u1's at first, by one process or one for each. */
export interface Setting {
  operations: readonly Operation[];
  isOwned: boolean;
  processes: number;
}

export function nameOf({ operations, isOwned, processes }: Setting): string {
  const names = operations.map(({ name }) => name).join(" | ");
  return `${names} (${isOwned ? "u1's" : "nobody's"}, ${processes === 1 ? "one process" : "a process each"})`;
}

/** Every combination of `size` operations, with repetition, in each setting. */
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

/** Prepares the sessions once, and returns what makes the scenario anew from them. */
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
