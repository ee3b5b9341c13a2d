import { access, constants, mkdir, readFile, rename, writeFile } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { chartsOf } from "./charts.js";
import { breakOff } from "./child.js";
import { Comparison } from "./comparison.js";
import { makeRunDirectory, remove } from "./directory.js";
import { describeMachine } from "./machine.js";
import { measure } from "./measure.js";
import { type Options, readOptions } from "./options.js";
import { failuresOf, LEGEND, tablesOf } from "./report.js";
import { assertSame, formatResults, merge, parseResults, type Results } from "./results.js";
import { asText } from "./table.js";
import { USAGE } from "./usage.js";

async function read(file: string): Promise<Results> {
  return parseResults(await readFile(file, "utf8"), file);
}

/** @throws RangeError */
async function assertFolder(folder: string): Promise<void> {
  await access(folder, constants.W_OK).catch(() => {
    throw new RangeError(`there is no folder ${folder}, or it cannot be written to`);
  });
}

async function main(options: Options): Promise<void> {
  const { json, add, compare, out, show } = options;
  // Hours of measuring are to go there.
  if (json !== undefined) await assertFolder(dirname(resolve(json)));
  const earlier = add === undefined ? undefined : await read(add);
  const comparison = compare === undefined ? undefined : new Comparison(await read(compare));
  let results: Results;
  if (show !== undefined) results = await read(show);
  else {
    const directory = makeRunDirectory();
    let brokenOffBy: NodeJS.Signals | undefined;
    // Whoever breaks it off waits until the servers have ended and the files are gone.
    const stop = (signal: NodeJS.Signals) => {
      brokenOffBy = signal;
      breakOff();
    };
    process.on("SIGINT", stop).on("SIGTERM", stop);
    try {
      if (earlier !== undefined) assertSame(earlier.machine, describeMachine(directory));
      results = await measure(options, directory);
    } finally {
      await remove(directory);
      process.off("SIGINT", stop).off("SIGTERM", stop);
      // What it has measured is no result, and the file of an earlier run stays as it is.
      if (brokenOffBy !== undefined) process.kill(process.pid, brokenOffBy);
    }
  }
  const tables = tablesOf(results, comparison).map(asText);
  const { cpu, cores, memoryGiB, kernel, fileSystem } = results.machine;
  const text = [
    `${cpu}, ${cores} cores, ${memoryGiB} GiB; ${kernel}; ${fileSystem}; Node ${results.versions.node}\n${LEGEND}`,
    ...tables,
    ...(results.skipped.length > 0 ? [`Not measured:\n${results.skipped.join("\n")}`] : []),
  ].join("\n\n");
  console.log(text);
  const all = earlier === undefined ? results : merge(earlier, results);
  if (json !== undefined) {
    // It is never there in part.
    await writeFile(`${json}.tmp`, formatResults(all));
    await rename(`${json}.tmp`, json);
  }
  if (out !== undefined) {
    await mkdir(out, { recursive: true });
    await writeFile(join(out, "tables.txt"), `${text}\n`);
    await writeFile(join(out, "results.json"), formatResults(all));
    for (const { name, svg } of chartsOf(all)) await writeFile(join(out, `${name}.svg`), svg);
  }
  const failures = failuresOf(results);
  if (failures.length > 0) {
    console.error(`\nVoid:\n${failures.join("\n")}`);
    process.exitCode = 1;
  }
}

/** What a caller did wrong is said in a line; everything else with its stack. */
function complain(error: unknown, isUsage = error instanceof RangeError): void {
  console.error(isUsage && error instanceof Error ? error.message : error);
  process.exitCode = isUsage ? 2 : 1;
}

function optionsOf(args: readonly string[]): Options | "help" | undefined {
  try {
    return readOptions(args, process.env);
  } catch (error) {
    complain(error, true);
    return undefined;
  }
}

const options = optionsOf(process.argv.slice(2));
if (options === "help") console.log(USAGE);
else if (options !== undefined) await main(options).catch((error: unknown) => complain(error));
