import { createRequire } from "node:module";
import { Command, InvalidArgumentError } from "commander";
import { doctor } from "./commands/examine.js";
import { inspect } from "./commands/inspect.js";
import { cleanup, list, revoke, revokeAll, show } from "./commands/sessions.js";
import { stats } from "./commands/stats.js";
import { type CopyCommandOptions, copy, exportTo, importFrom } from "./commands/transfer.js";
import { CommandError, ExitCode } from "./exit-code.js";
import { Output } from "./output.js";
import { openConfig } from "./stores/open-config.js";
import { openUrl } from "./stores/open-url.js";
import type { Target } from "./stores/target.js";

interface CommonOptions {
  store?: string;
  config?: string;
  namespace?: string;
  json?: boolean;
  yes?: boolean;
}

const EXIT_CODES = `
A STORE is a URL: file:DIRECTORY, hybrid:DIRECTORY, bolt:FILE, sqlite:FILE?table=sessions,
postgres://USER@HOST/DATABASE?schema=public&table=sessions, redis://HOST:6379/0?prefix=scs:

The app's own module, by --config, exports its SessionManager as "sessions", the options of one, or a store.

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 no such session, 4 doctor found a problem, 130 cancelled.`;

/** Creates the command line. Commands throw; {@link run} sets the exit code. */
function program(): Command {
  const { version } = createRequire(import.meta.url)("../package.json") as { version: string };
  const scs = new Command("scs");
  scs.description("Looks after stores of sessions").version(version).addHelpText("after", EXIT_CODES);
  scs.exitOverride().configureHelp({ showGlobalOptions: true }).showHelpAfterError("(see scs --help)");
  scs.option("--store <url>", "URL of the store; default: the variable SCS_STORE");
  scs.option("--config <module>", "module that exports the app's manager; default: the variable SCS_CONFIG");
  scs.option("--namespace <name>", "namespace of the manager, with --store");
  scs.option("--json", "writes JSON: one object, or one per line for lists");
  scs.option("-y, --yes", "confirms steps that cannot be undone");

  scs
    .command("stats")
    .description("counts sessions, owners and bytes")
    .action((_options, command: Command) => on(command, (target, output) => stats(target, output)));
  scs
    .command("list")
    .description("lists sessions")
    .option("--owner <name>", "of one owner alone")
    .option("--limit <count>", "how many at most", wholeNumber)
    .action((options: { owner?: string; limit?: number }, command: Command) =>
      on(command, (target, output) => list(target, options, output)),
    );
  scs
    .command("show <handle>")
    .description("shows one session; never its token")
    .option("--values", "and what it holds")
    .action((handle: string, { values = false }: { values?: boolean }, command: Command) =>
      on(command, (target, output) => show(target, handle, values, output)),
    );
  scs
    .command("revoke <handle...>")
    .description("ends sessions")
    .action((handles: string[], _options, command: Command) =>
      on(command, (target, output, { yes }) => revoke(target, handles, yes, output)),
    );
  scs
    .command("revoke-all")
    .description("ends all sessions of an owner")
    .requiredOption("--owner <name>", "whose sessions")
    .option("--except <handle>", "the one that goes on")
    .action((options: { owner: string; except?: string }, command: Command) =>
      on(command, (target, output, { yes }) => revokeAll(target, options, yes, output)),
    );
  scs
    .command("cleanup")
    .description("removes what has expired")
    .action((_options, command: Command) => on(command, (target, output) => cleanup(target, output)));
  scs
    .command("doctor")
    .description("checks the table, the index, the clock and the durability of writes")
    .action((_options, command: Command) => on(command, (target, output) => doctor(target, output)));
  scs
    .command("inspect")
    .description("serves a page on this machine that lists and ends sessions")
    .option("--port <number>", "any free port without it", wholeNumber)
    .action(({ port = 0 }: { port?: number }, command: Command) =>
      on(command, (target, output) => inspect(target, port, output)),
    );
  scs
    .command("copy <from> <to>")
    .description("copies every session, while the app goes on; run it again after an interruption")
    .option("--merge", "keeps sessions that only <to> has")
    .option("--mirror", "removes sessions that only <to> has")
    .action((from: string, to: string, options: CopyCommandOptions, command: Command) =>
      onBoth(command, from, to, (source, goal, output, { yes }) =>
        copy(source, goal, { ...options, ...(yes !== undefined && { yes }) }, output),
      ),
    );
  scs
    .command("export [file]")
    .description("writes every record as NDJSON; keep the file as secret as the store")
    .action((file: string | undefined, _options, command: Command) =>
      on(command, (target, output) => exportTo(target, file, output)),
    );
  scs
    .command("import [file]")
    .description("reads what export wrote; what is there already stays")
    .option("--overwrite", "replaces what is there already")
    .action((file: string | undefined, { overwrite = false }: { overwrite?: boolean }, command: Command) =>
      on(
        command,
        (target, output, { yes }) =>
          importFrom(target, file, { overwrite, ...(yes !== undefined && { yes }) }, output),
        true,
      ),
    );
  return scs;
}

/** Runs the command line and returns its exit code. Errors are written to stderr, as JSON with `--json`. */
export async function run(args: readonly string[]): Promise<number> {
  try {
    await program().parseAsync(withHandlesLast(args), { from: "user" });
    return ExitCode.ok;
  } catch (error) {
    const { exitCode, code } = error as { exitCode?: number; code?: unknown };
    if (String(code).startsWith("commander.")) return exitCode === 0 ? ExitCode.ok : ExitCode.usage; // already printed
    const message = error instanceof Error ? error.message : String(error);
    const name = typeof code === "string" ? code : undefined;
    const isJson = args.includes("--json");
    console.error(isJson ? JSON.stringify({ error: { code: name, message } }) : `scs: ${message}`);
    return error instanceof CommandError ? error.exitCode : ExitCode.failed;
  }
}

/** Moves handles that begin with a hyphen behind `--`: they are base64url, not options. */
function withHandlesLast(args: readonly string[]): string[] {
  const isHandle = (arg: string, at: number): boolean =>
    (/^-[\w-]{42}\.[\w-]{22}$/.test(arg) || /^-[\w-]{21}$/.test(arg)) && args[at - 1] !== "--except";
  const handles = args.filter(isHandle);
  if (handles.length === 0 || args.includes("--")) return [...args];
  return [...args.filter((arg, at) => !isHandle(arg, at)), "--", ...handles];
}

type Work = (target: Target, output: Output, options: CommonOptions) => Promise<void>;

/** Opens the store named by the options, does the work, and closes the store. */
async function on(command: Command, work: Work, isCreated = false): Promise<void> {
  const options = command.optsWithGlobals<CommonOptions>();
  const target = await openTarget(options, isCreated);
  try {
    await work(target, new Output(options.json === true), options);
  } finally {
    await target.close();
  }
}

async function onBoth(
  command: Command,
  from: string,
  to: string,
  work: (from: Target, to: Target, output: Output, options: CommonOptions) => Promise<void>,
): Promise<void> {
  const options = command.optsWithGlobals<CommonOptions>();
  const onError = reporter();
  const source = await openEither(from, { onError });
  try {
    const goal = await openEither(to, { onError, isCreated: true });
    try {
      await work(source, goal, new Output(options.json === true), options);
    } finally {
      await goal.close();
    }
  } finally {
    await source.close();
  }
}

async function openTarget(options: CommonOptions, isCreated: boolean): Promise<Target> {
  const { namespace } = options;
  const named = options.store ?? options.config;
  const [url, config] = [
    options.store ?? (named === undefined ? process.env.SCS_STORE : undefined),
    options.config ?? (named === undefined ? process.env.SCS_CONFIG : undefined),
  ];
  if (options.store !== undefined && options.config !== undefined) {
    throw new CommandError("--store and --config name two stores: choose one");
  }
  const opened = { namespace, isCreated, onError: reporter() };
  if (url !== undefined) return openUrl(url, opened);
  if (config !== undefined && namespace !== undefined) {
    throw new CommandError("--namespace is for --store: with --config, set the namespace in the module");
  }
  if (config !== undefined) return openConfig(config, opened);
  throw new CommandError("which store? Name it by --store URL or --config MODULE");
}

/** Opens a store by URL, or by a module's path. */
function openEither(name: string, options: Parameters<typeof openUrl>[1]): Promise<Target> {
  return /^[a-z]{2,}:/.test(name) ? openUrl(name, options) : openConfig(name, options);
}

/** Prints each distinct error of a store once: a damaged record, a lost connection. */
function reporter(): (error: Error) => void {
  const reported = new Set<string>();
  return ({ message }) => {
    if (reported.has(message)) return;
    reported.add(message);
    console.error(`scs: ${message}`);
  };
}

function wholeNumber(text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new InvalidArgumentError("it must be a whole number of at least 1.");
  return value;
}
