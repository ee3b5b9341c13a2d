import { access, constants, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, resolve } from "node:path";
import { parseArgs } from "node:util";
import { FAMILIES } from "./contenders/families.js";
import { breakOff } from "./harness/child.js";
import { makeRunDirectory, remove } from "./harness/directory.js";
import { Servers } from "./harness/servers.js";
import { leastSize } from "./harness/sessions.js";
import { asText } from "./report/table.js";
import { failuresOf, LEGEND, tablesOf } from "./report/tables.js";
import { OPERATIONS, tasksOf } from "./scenarios/operation.js";
import { formatResults, parseResults, type Results } from "./scenarios/results.js";
import { Run, type RunOptions } from "./scenarios/run.js";

const USAGE = `npm run bench -- [OPTIONS]

  --store NAMES      stores, of ${Object.keys(FAMILIES).join(", ")}; names may be cut short (all)
  --op NAMES         operations, of ${OPERATIONS.join(", ")} (all)
  --size BYTES       sizes of a session (256)
  --in-flight NUMBERS  calls in flight at once; of requests, the largest number (1,64)
  --quick            a short run that only checks that everything works
  --json FILE        write all figures; a file that exists keeps its other stores

Lists are separated by commas.`;

interface Options extends RunOptions {
  stores: string[];
  json: string | undefined;
}

const listOf = (value: string) => [...new Set(value.split(",").map((each) => each.trim()))];

/** Completes a name. @throws RangeError if no known name, or more than one, begins like this */
function nameIn<Name extends string>(what: string, name: string, known: readonly Name[]): Name {
  const found = known.filter((each) => each === name || (name !== "" && each.startsWith(name)));
  const exact = found.find((each) => each === name);
  if (exact !== undefined) return exact;
  if (found.length === 1) return found[0] as Name;
  throw new RangeError(`no ${what} "${name}"; there are: ${known.join(", ")}`);
}

function numbersIn(option: string, value: string, least = 1): number[] {
  return listOf(value).map((text) => {
    const number = Number(text);
    if (text === "" || !Number.isSafeInteger(number) || number < least)
      throw new RangeError(`--${option} must be whole numbers of at least ${least}, got "${text}"`);
    return number;
  });
}

/** Parses the command line. @throws RangeError or TypeError that says what to write instead */
function readOptions(args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: args[0] === "--" ? args.slice(1) : [...args], // pnpm passes "--" on, npm does not
    options: {
      ...{ store: { type: "string" }, op: { type: "string" }, size: { type: "string" } },
      ...{ "in-flight": { type: "string" }, quick: { type: "boolean" }, json: { type: "string" } },
      help: { type: "boolean" },
    },
  });
  if (values.help) return undefined;
  const { quick = false, op, store, size = "256" } = values;
  const inFlight = numbersIn("in-flight", values["in-flight"] ?? (quick ? "64" : "1,64"));
  const operations = op === undefined ? OPERATIONS : listOf(op).map((name) => operationOf(name));
  return {
    stores: listOf(store ?? Object.keys(FAMILIES).join()).map((name) =>
      nameIn("store", name, Object.keys(FAMILIES)),
    ),
    tasks: tasksOf(operations, inFlight),
    sizes: numbersIn("size", size, leastSize()),
    isQuick: quick,
    json: values.json,
  };
}

const operationOf = (name: string) => nameIn("operation", name, OPERATIONS);

/** Reads earlier results. @throws RangeError if the file cannot be written, or holds something else */
async function readEarlier(file: string): Promise<Results> {
  const folder = dirname(resolve(file));
  await access(folder, constants.W_OK).catch(() => {
    throw new RangeError(`cannot write to the folder ${folder}`);
  });
  const text = await readFile(file, "utf8").catch(() => undefined);
  return text === undefined ? { format: 2, stores: {} } : parseResults(text, file);
}

async function main({ stores, json, ...options }: Options): Promise<void> {
  const all: Results = json === undefined ? { format: 2, stores: {} } : await readEarlier(json);
  const directory = makeRunDirectory();
  const servers = new Servers(directory);
  let stoppedBy: NodeJS.Signals | undefined;
  const stop = (signal: NodeJS.Signals) => {
    stoppedBy = signal;
    breakOff();
  };
  process.on("SIGINT", stop).on("SIGTERM", stop);
  const failures: string[] = [];
  try {
    console.log(LEGEND);
    const run = new Run(options, directory, servers, showStep);
    for (const store of stores) {
      const results = await run.measure(FAMILIES[store] as string);
      showStep("");
      if (stoppedBy !== undefined) return;
      console.log(`\n${[...tablesOf(store, results).map(asText), ...results.skipped].join("\n\n")}`);
      failures.push(...failuresOf(store, results));
      all.stores[store] = results;
    }
  } finally {
    await servers.close();
    await remove(directory);
    process.off("SIGINT", stop).off("SIGTERM", stop);
    if (stoppedBy !== undefined) process.kill(process.pid, stoppedBy);
  }
  if (json !== undefined) {
    await writeFile(`${json}.tmp`, formatResults(all)); // renamed when complete
    await rename(`${json}.tmp`, json);
  }
  if (failures.length === 0) return;
  console.error(`\nVoid:\n${failures.join("\n")}`);
  process.exitCode = 1;
}

/** Shows the current step on a terminal. */
function showStep(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`);
}

/** Prints a mistake of the caller in one line, any other error with its stack. */
function report(error: unknown): void {
  const isUsage =
    error instanceof RangeError || (error as { code?: string }).code?.startsWith("ERR_PARSE_ARGS");
  console.error(isUsage ? (error as Error).message : error);
  process.exitCode = isUsage ? 2 : 1;
}

try {
  const options = readOptions(process.argv.slice(2));
  if (options === undefined) console.log(USAGE);
  else await main(options);
} catch (error) {
  report(error);
}
