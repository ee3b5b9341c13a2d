import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { devalueCodec, type SessionMeta } from "../src/index.js";
import { SessionEncoder } from "../src/state/session-encoder.js";
import { SessionValues } from "../src/state/session-values.js";

const META = {} as SessionMeta;
const KEYS = ["a", "b", "c"];
type Values = Record<string, unknown>;

/** Encodes each value alone, because values are compared key by key. Marks those that no record can hold. */
function encodeEach(values: Values): Map<string, string> {
  const encode = (value: unknown) => {
    try {
      const data = devalueCodec.encode({ version: 1, deadline: 0, meta: META, values: { value } });
      return Buffer.from(data).toString();
    } catch {
      return "refused";
    }
  };
  return new Map(KEYS.map((key) => [key, encode(values[key])]));
}

/** Makes values of which two share an object, and one is no plain JSON. */
function valuesOf(json: readonly [unknown, unknown]): Values {
  const shared = { text: "shared", list: [1, json[0]] };
  return { a: { shared, json: json[0] }, b: [shared, json[1]], c: { at: new Date(0), deep: [[{ n: 1 }]] } };
}

/** Lists the plain objects and arrays in a value, each once. */
function objectsIn(value: unknown, found: Set<object> = new Set()): Set<object> {
  if (typeof value !== "object" || value === null || value instanceof Date || found.has(value)) return found;
  found.add(value);
  for (const each of Object.values(value)) objectsIn(each, found);
  return found;
}

const EDITS: ((object: Values, spare: object) => void)[] = [
  (object) => {
    if (Array.isArray(object)) object.push(1);
    else object.added = 1;
  },
  (object) => {
    if (Array.isArray(object)) object.shift();
    else delete object[Object.keys(object)[0] as string];
  },
  (object) => {
    for (const key of Object.keys(object)) object[key] = structuredClone(object[key]);
  },
  (object) => {
    const [first] = Object.keys(object);
    if (first !== undefined) object[first] = "other";
  },
  (object, spare) => {
    const last = Object.keys(object).at(-1);
    if (last !== undefined && !objectsIn(spare).has(object)) object[last] = spare; // no circle
  },
  (object) => {
    const entries = Object.entries(object).reverse();
    if (Array.isArray(object)) object.reverse();
    else {
      for (const [key] of entries) delete object[key];
      Object.assign(object, Object.fromEntries(entries));
    }
  },
  (object) => {
    if (Array.isArray(object)) object.length += 1;
  },
  // No record can hold what follows: it must count as changed, so that the save reports it.
  (object) => {
    if (Array.isArray(object)) Object.assign(object, { note: 1 });
  },
  (object) => void Object.defineProperty(object, "hidden", { value: 1 }),
];

const step = fc.oneof(
  fc.record({ kind: fc.constant("get" as const), key: fc.constantFrom(...KEYS) }),
  fc.record({
    kind: fc.constant("edit" as const),
    object: fc.nat(),
    edit: fc.nat({ max: EDITS.length - 1 }),
    spare: fc.nat(),
  }),
  fc.record({ kind: fc.constantFrom("save" as const, "failed save" as const, "begun save" as const) }),
);

describe("values that the app may change in place", () => {
  it("count as changed if and only if their record would differ", () => {
    const json = fc.tuple(fc.jsonValue({ maxDepth: 3 }), fc.jsonValue({ maxDepth: 3 }));
    fc.assert(
      fc.property(json, fc.array(step, { maxLength: 12 }), (json, steps) => {
        const values = new SessionValues(new SessionEncoder(devalueCodec, 1_000_000));
        const data = devalueCodec.encode({ version: 1, deadline: 0, meta: META, values: valuesOf(json) });
        values.load(devalueCodec.decode(data).values, data);
        let saved = encodeEach(values.toRecord());
        let begun: { data: Uint8Array; records: Map<string, string> } | undefined;
        const held = new Map<string, unknown>();
        for (const step of steps) {
          if (step.kind === "get") held.set(step.key, values.get(step.key));
          else if (step.kind === "edit") {
            const objects = [...held.values()].flatMap((value) => [...objectsIn(value)]);
            const object = objects[step.object % objects.length] as Values | undefined;
            const spare = objects[step.spare % objects.length] as object;
            if (object !== undefined) EDITS[step.edit]?.(object, spare);
          } else {
            const records = encodeEach(values.toRecord());
            if ([...records.values()].includes("refused")) expect(() => values.draft(0, META)).toThrow();
            else begun = { data: values.draft(0, META), records };
            if (step.kind === "failed save") begun = undefined;
          }
          if (begun !== undefined && step.kind !== "begun save") {
            values.saved(begun.data);
            saved = begun.records;
            begun = undefined;
          }
          if (begun !== undefined) continue;
          const now = encodeEach(values.toRecord());
          const isAnyChanged = [...held.keys()].some((key) => now.get(key) !== saved.get(key));
          expect(values.isChangedInPlace()).toBe(isAnyChanged);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});
