import {
  atomicStoreChecks,
  type Backend,
  type Check,
  disposableStoreChecks,
  durableStoreChecks,
  expiringStoreChecks,
  fullStoreChecks,
  iterableStoreChecks,
  type ProcessBackend,
  runCheck,
  storeChecks,
  touchableStoreChecks,
} from "@scs/testkit";
import type fc from "fast-check";
import { beforeAll, describe, expect, it, vi } from "vitest";
import type { Mutant } from "./mutant.js";
import { mutants, processMutants } from "./mutants/index.js";
import { backendOf, ReferenceStore } from "./reference-store.js";

/** Limits the property-based checks: only whether they catch a mutant matters, not the number of calls. */
const bounds = vi.hoisted(() => ({ numRuns: 12, endOnFailure: true }));

vi.mock("fast-check", async (importOriginal) => {
  const { default: original } = await importOriginal<{ default: typeof fc }>();
  const check = (property: fc.IAsyncProperty<unknown>, parameters: fc.Parameters<unknown>) =>
    original.check(property, { ...parameters, ...bounds });
  return { default: { ...original, check } };
});

/** The checks of the kit, by the file with their mutants. */
const lists: Record<string, readonly Check<ReferenceStore>[]> = {
  "store.ts": storeChecks,
  "atomic-store.ts": atomicStoreChecks,
  "touchable-store.ts": touchableStoreChecks,
  "iterable-store.ts": iterableStoreChecks,
  "expiring-store.ts": expiringStoreChecks,
  "disposable-store.ts": disposableStoreChecks,
  "durable-store.ts": durableStoreChecks,
  "full-store.ts": fullStoreChecks,
};
const everyCheck = Object.values(lists).flat();
const everyMutant = [...mutants, ...processMutants];
const needsProcess = new Set(processMutants.map(({ breaks }) => breaks));
const processChecks = everyCheck.filter(({ name }) => needsProcess.has(name));
const checks = everyCheck.filter(({ name }) => !needsProcess.has(name));

const inProcess = (module: URL): ProcessBackend<ReferenceStore> => ({ ...backendOf(ReferenceStore), module });

/** Asserts that a backend fails exactly those checks of `among` that the mutant names. */
async function expectFailures(
  { breaks, also = [] }: Pick<Mutant, "breaks" | "also">,
  among: readonly Check<ReferenceStore>[],
  backend: Backend<ReferenceStore>,
): Promise<void> {
  const named = new Set([breaks, ...also]);
  const failed: string[] = [];
  for (const check of among) {
    // Full length for checks that must catch the mutant; few runs for the others, where it fails always or never.
    bounds.numRuns = named.has(check.name) ? 12 : 3;
    await runCheck(check, backend).catch(() => failed.push(check.name));
  }
  expect(failed.sort()).toEqual([...named].sort());
}

/** The reference store, which records the names of its called methods and steps in `used`. */
function recording(used: Set<PropertyKey>): typeof ReferenceStore {
  const Recording = class extends ReferenceStore {};
  for (const key of Reflect.ownKeys(ReferenceStore.prototype)) {
    const method: unknown = Reflect.get(ReferenceStore.prototype, key);
    if (key === "constructor" || typeof method !== "function") continue;
    Object.defineProperty(Recording.prototype, key, {
      value(this: ReferenceStore, ...call: unknown[]): unknown {
        used.add(key);
        return Reflect.apply(method, this, call);
      },
    });
  }
  return Recording;
}

/** Returns the names of the methods and steps that a mutant overrides. */
function overridden(Store: typeof ReferenceStore): PropertyKey[] {
  if (Store === ReferenceStore) return [];
  const own = Reflect.ownKeys(Store.prototype).filter((key) => key !== "constructor");
  return [...own, ...overridden(Object.getPrototypeOf(Store) as typeof ReferenceStore)];
}

describe("the kit", () => {
  const names = everyCheck.map(({ name }) => name);

  it("has at least 60 checks with unique names", () => {
    expect(names.filter((name, index) => names.indexOf(name) !== index)).toEqual([]);
    expect(names.length).toBeGreaterThanOrEqual(60);
  });

  it("has a mutant for each check", () => {
    const broken = new Set(everyMutant.map(({ breaks }) => breaks));
    for (const [file, list] of Object.entries(lists)) {
      const untested = list.map(({ name }) => name).filter((name) => !broken.has(name));
      expect(
        untested,
        `add to test/mutants/${file} a store that breaks just: ${untested.join("; ")}`,
      ).toEqual([]);
    }
  });

  it("has no mutant that names a missing check", () => {
    const named = everyMutant.flatMap(({ breaks, also = [] }) => [breaks, ...also]);
    expect(named.filter((name) => !names.includes(name))).toEqual([]);
  });
});

describe("a correct store passes", () => {
  const correct = inProcess(new URL("./modules/tiny-store.js", import.meta.url));
  for (const check of processChecks) it.concurrent(check.name, () => runCheck(check, correct));
  for (const check of checks) it(check.name, () => runCheck(check, correct));
});

describe("the kit fails exactly the expected checks on a store that breaks", () => {
  const usedBy = new Map<Check<ReferenceStore>, Set<PropertyKey>>();

  beforeAll(async () => {
    for (const check of checks) {
      const used = new Set<PropertyKey>();
      usedBy.set(check, used);
      await runCheck(check, backendOf(recording(used)));
    }
  });

  for (const mutant of processMutants) {
    it.concurrent(mutant.breaks, () => expectFailures(mutant, processChecks, inProcess(mutant.module)));
  }
  for (const mutant of mutants) {
    it(mutant.breaks, async () => {
      // A mutant equals the reference store in a check that calls none of its overrides.
      const differs = overridden(mutant.Store);
      const concerned = checks.filter((check) => differs.some((key) => usedBy.get(check)?.has(key)));
      await expectFailures(mutant, concerned, backendOf(mutant.Store));
    });
  }
});
