import { parseArgs } from "node:util";
import { type Family, storeFamilies } from "./families.js";
import { ROUTES, type Route, STACKS, type Stack } from "./http-contender.js";
import { unknown } from "./names.js";
import { MIX_IN_FLIGHT, OPERATIONS, type Operation, type Task, tasksOf } from "./operation.js";
import { leastSize } from "./sessions.js";
import { stores } from "./stores.js";
import { DEFAULTS } from "./usage.js";

/** What a run is about; one of them at a time. */
const KINDS = ["growth", "processes", "http", "cleanup", "show"] as const;
type Kind = (typeof KINDS)[number] | "operations";

/** What the command line asks for. */
export interface Options {
  families: readonly Family[];
  tasks: readonly Task[];
  sizes: readonly number[];
  /** Of growth and cleanup all, of others the first alone. */
  sessions: readonly number[];
  rounds: number;
  measureMs: number;
  /** Lists of names, which only those know who know all names. */
  only?: readonly string[];
  modules: readonly string[];
  isQuick: boolean;
  kind: Kind;
  processes: readonly number[];
  stacks: readonly Stack[];
  routes: readonly Route[];
  connections: readonly number[];
  json?: string;
  add?: string;
  compare?: string;
  out?: string;
  show?: string;
  profiles?: string;
}

const SESSIONS = {
  operations: [DEFAULTS.sessions],
  growth: [1_000, 10_000, 100_000, 1_000_000],
  cleanup: [1_000_000],
};
const QUICK = {
  sessions: { operations: [256], growth: [1_000], cleanup: [10_000] },
  ...{ rounds: 1, measureMs: 10, inFlight: [64], mix: [64] },
};

const MEASURING: readonly Kind[] = ["operations", "growth", "processes", "http", "cleanup"];

/** Of which kinds of run an option is; those that are not listed are of all. */
const FITTING: Partial<Record<string, readonly Kind[]>> = {
  store: ["operations", "growth", "processes", "http"],
  rounds: MEASURING,
  quick: MEASURING,
  json: MEASURING,
  add: MEASURING,
  op: ["operations"],
  with: ["operations"],
  size: ["operations", "growth", "processes", "cleanup"],
  sessions: ["operations", "growth", "processes", "cleanup"],
  "in-flight": ["operations", "http"],
  ms: ["operations", "processes", "http"],
  only: ["operations", "http"],
  "cpu-prof": ["operations", "http"],
  stack: ["http"],
  route: ["http"],
};

/** Reads an option's whole number, or throws what to write instead. */
export function wholeNumber(name: string, value: string): number {
  const number = Number(value);
  if (value.trim() === "" || !Number.isSafeInteger(number) || number < 1) {
    throw new RangeError(`--${name} must be a whole number of at least 1, got "${value}"`);
  }
  return number;
}

function wholeNumbers(name: string, values: readonly string[]): number[] {
  return listOf(values).map((each) => wholeNumber(name, each));
}

/** What the lists have, each once. */
function listOf(values: readonly string[]): string[] {
  return [...new Set(values.flatMap((value) => value.split(",").map((each) => each.trim())))];
}

/** The store of this name, which may be cut short: `pg`. */
function familyOf(name: string): Family {
  const [family, ...others] = storeFamilies.filter(({ store }) => name !== "" && store.startsWith(name));
  if (family !== undefined && others.length === 0) return family;
  throw unknown(
    "store",
    name,
    storeFamilies.map(({ store }) => store),
  );
}

function oneOf<Name extends string>(what: string, name: string, known: readonly Name[]): Name {
  const found = known.find((each) => each === name);
  if (found === undefined) throw unknown(what, name, known);
  return found;
}

function operationsOf(name: string): Operation[] {
  const operation = oneOf("operation", name, [...OPERATIONS, "commit"]);
  return operation === "commit" ? ["insert", "update"] : [operation];
}

/** Without `--` before it, npm keeps an option, and the run would be another than was asked for. */
const TAKEN = ["quick", "store", "op", "growth", "processes", "http", "cleanup"] as const;

/** Reads the command line. @throws RangeError or TypeError that says what to write instead */
export function readOptions(args: readonly string[], environment: NodeJS.ProcessEnv = {}): Options | "help" {
  const taken = TAKEN.find((name) => environment[`npm_config_${name}`] !== undefined);
  if (taken !== undefined)
    throw new TypeError(`npm has taken --${taken} for itself: npm run bench -- --${taken} …`);
  const { values } = parseArgs({
    args: args[0] === "--" ? args.slice(1) : [...args], // pnpm passes it on, npm does not
    options: {
      store: { type: "string", multiple: true },
      op: { type: "string", multiple: true },
      size: { type: "string", multiple: true },
      sessions: { type: "string", multiple: true },
      "in-flight": { type: "string", multiple: true },
      rounds: { type: "string" },
      ms: { type: "string" },
      only: { type: "string", multiple: true },
      with: { type: "string", multiple: true },
      growth: { type: "boolean" },
      processes: { type: "string", multiple: true },
      http: { type: "boolean" },
      stack: { type: "string", multiple: true },
      route: { type: "string", multiple: true },
      cleanup: { type: "boolean" },
      quick: { type: "boolean" },
      json: { type: "string" },
      add: { type: "string" },
      compare: { type: "string" },
      out: { type: "string" },
      show: { type: "string" },
      "cpu-prof": { type: "string" },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) return "help";
  const { quick = false } = values;
  const [kind = "operations", ...others]: Kind[] = KINDS.filter((each) => values[each] !== undefined);
  if (others.length > 0)
    throw new TypeError(`--${kind} and --${others[0]} are two runs: one of them at a time`);
  const given = Object.keys(values) as (keyof typeof values)[];
  const unfit = given.find((name) => FITTING[name]?.includes(kind) === false);
  if (unfit !== undefined)
    throw new TypeError(
      `--${unfit} says nothing ${kind === "operations" ? "to a run of operations" : `with --${kind}`}`,
    );
  const sizes = wholeNumbers("size", values.size ?? [String(DEFAULTS.size)]);
  if (sizes.length > 1 && kind !== "operations") throw new RangeError(`--${kind} takes one --size at a time`);
  const least = leastSize();
  if ((kind === "operations" || kind === "processes") && sizes.some((size) => size < least))
    throw new RangeError(`--size must be at least ${least}: so much JSON is a session with its fields`);
  const families =
    values.store === undefined ? storeFamilies : [...new Set(listOf(values.store).map(familyOf))];
  const operations = values.op === undefined ? OPERATIONS : listOf(values.op).flatMap(operationsOf);
  const inFlight =
    values["in-flight"] === undefined ? undefined : wholeNumbers("in-flight", values["in-flight"]);
  const tasks = tasksOf(
    operations,
    inFlight ?? (quick ? QUICK.inFlight : DEFAULTS.inFlight),
    inFlight ?? (quick ? QUICK.mix : MIX_IN_FLIGHT),
  );
  const defaults = quick ? QUICK.sessions : SESSIONS;
  const sessions =
    values.sessions === undefined
      ? kind === "growth" || kind === "cleanup"
        ? defaults[kind]
        : defaults.operations
      : wholeNumbers("sessions", values.sessions);
  if (kind !== "growth" && kind !== "cleanup" && sessions.length > 1)
    throw new RangeError("--sessions takes several numbers with --growth and --cleanup alone");
  const most = Math.max(...tasks.map(({ inFlight: count }) => count));
  if (kind === "operations" && most > Math.min(...sessions))
    throw new RangeError(
      `--sessions must be at least ${most}: so many calls are in flight, each for a session of its own`,
    );
  const optional = {
    only: values.only,
    json: values.json,
    add: values.add,
    compare: values.compare,
    out: values.out,
    show: values.show,
    profiles: values["cpu-prof"],
  };
  return {
    families,
    tasks,
    sizes,
    sessions,
    rounds:
      values.rounds === undefined
        ? quick
          ? QUICK.rounds
          : DEFAULTS.rounds
        : wholeNumber("rounds", values.rounds),
    measureMs:
      values.ms === undefined
        ? quick
          ? QUICK.measureMs
          : kind === "http"
            ? DEFAULTS.httpMs
            : DEFAULTS.measureMs
        : wholeNumber("ms", values.ms),
    stacks: listOf(values.stack ?? [STACKS[0]]).map((name) => oneOf("stack", name, STACKS)),
    routes: listOf(values.route ?? ROUTES).map((name) => oneOf("route", name, ROUTES)),
    connections: inFlight ?? [DEFAULTS.connections],
    modules: values.with === undefined ? [] : listOf(values.with),
    isQuick: quick,
    kind,
    processes: values.processes === undefined ? [] : wholeNumbers("processes", values.processes),
    ...(Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== undefined)) as Partial<
      typeof optional
    > as object),
  };
}

/** The names in `stores` that belong to these families. */
export function storesOf(families: readonly Family[]): string[] {
  return families
    .flatMap(({ store, variants = [] }) => [store, ...variants])
    .filter((name) => name in stores);
}
