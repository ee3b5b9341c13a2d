import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { rm } from "node:fs/promises";
import { pipeline } from "node:stream/promises";
import { confirmed } from "../confirmation.js";
import { COPY_NOTE, copyStore, type Extras } from "../copy/copy-store.js";
import { exportRecords, importRecords, linesOf } from "../copy/ndjson.js";
import { CommandError, ExitCode } from "../exit-code.js";
import { count, Output, pairs, seconds } from "../output.js";
import { Progress } from "../progress.js";
import type { Target } from "../stores/target.js";

const DAY_MS = 86_400_000;

export interface CopyCommandOptions {
  mirror?: boolean;
  merge?: boolean;
  yes?: boolean;
}

/** Copies one store to another, with a progress bar on a terminal. Ctrl-C stops it between two records. */
export async function copy(
  from: Target,
  to: Target,
  options: CopyCommandOptions,
  output: Output,
): Promise<void> {
  const extras = await extrasOf(to, options);
  const abort = new AbortController();
  const onInterrupt = (): void => abort.abort();
  process.once("SIGINT", onInterrupt).once("SIGTERM", onInterrupt);
  const progress = new Progress(!output.isJson);
  const start = performance.now();
  const total = (await estimate(from)) ?? 0;
  if (extras === "remove") {
    await to.store.commit(COPY_NOTE, Buffer.from("a copy is under way"), new Date(Date.now() + 7 * DAY_MS));
  }
  let [step, most] = ["", total];
  const report = await copyStore(from.store, to.store, {
    extras,
    signal: abort.signal,
    onProgress(now, done) {
      if (now !== step) progress.begin(now, most);
      [step, most] = [now, Math.max(most, done)];
      if (done % 500 === 0) progress.update(done);
    },
  }).finally(() => progress.end());
  process.removeListener("SIGINT", onInterrupt).removeListener("SIGTERM", onInterrupt);
  if (report.isComplete && extras === "remove") await to.store.delete(COPY_NOTE);
  const durationMs = Math.round(performance.now() - start);
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  await output.result({ from: from.name, to: to.name, ...report, durationMs, peakBytes }, () =>
    pairs([
      ["copied", count(report.copied)],
      ["updated", count(report.updated)],
      ["there already", count(report.present)],
      ["removed", count(report.removed)],
      ["changed meanwhile", count(report.changedMeanwhile)],
      ["verified", count(report.verified)],
      ["time", seconds(durationMs)],
    ]),
  );
  if (abort.signal.aborted) {
    throw new CommandError("Interrupted. Run the same command again to continue.", ExitCode.cancelled);
  }
}

/** Decides what to do with records that only the destination has. An empty destination becomes equal to the source. */
async function extrasOf(to: Target, { mirror, merge, yes }: CopyCommandOptions): Promise<Extras> {
  if (merge === true && mirror === true)
    throw new CommandError("--merge and --mirror exclude each other: choose one");
  if (merge === true) return "keep";
  const isOurs = (await to.store.find(COPY_NOTE)) !== undefined;
  const first = await to.store.entries().next();
  if (isOurs || first.done === true) return "remove";
  if (mirror !== true) {
    throw new CommandError(
      `${to.name} is not empty: --merge keeps the sessions that only it has, --mirror removes them`,
    );
  }
  await confirmed(`Remove from ${to.name} every session that the source does not have?`, yes);
  return "remove";
}

/** Returns the database's estimate of the number of records, for the progress bar. */
async function estimate({ query, table }: Target): Promise<number | undefined> {
  if (query === undefined || table === undefined) return undefined;
  const [row] = await query(`SELECT count(*) AS count FROM ${table}`);
  return Number(row?.count);
}

/** Writes a store as NDJSON to stdout, or to a file with mode 0600. */
export async function exportTo({ store }: Target, file: string | undefined, output: Output): Promise<void> {
  if (file === undefined) {
    const stdout = new Output(true);
    await exportRecords(store, (line) => stdout.line(line));
    return;
  }
  const stream = createWriteStream(file, { mode: 0o600, flags: "wx" });
  await once(stream, "open").catch((error: NodeJS.ErrnoException) => {
    throw new CommandError(
      error.code === "EEXIST" ? `${file} is there already` : cannotWrite(file, error),
      ExitCode.failed,
    );
  });
  let exported = 0;
  try {
    await pipeline(async function* () {
      for await (const line of linesOf(store)) {
        exported++;
        yield `${line}\n`;
      }
    }, stream);
  } catch (error) {
    await rm(file, { force: true }); // a part would pass for an export, and refuse the next one
    const isOfFile = (error as NodeJS.ErrnoException).syscall !== undefined; // a store rejects with a StoreError
    throw isOfFile ? new CommandError(cannotWrite(file, error as Error), ExitCode.failed) : error;
  }
  await output.result({ exported }, () => `${count(exported)} records written to ${file}`);
}

function cannotWrite(file: string, { message }: Error): string {
  return `${file} cannot be written: ${message}`;
}

/** Reads NDJSON from stdin or a file into a store. */
export async function importFrom(
  { store, name }: Target,
  file: string | undefined,
  { overwrite = false, yes }: { overwrite?: boolean; yes?: boolean },
  output: Output,
): Promise<void> {
  if (overwrite) await confirmed(`Overwrite sessions of ${name} by those of the import?`, yes);
  const input = file === undefined ? process.stdin : createReadStream(file);
  if (input !== process.stdin) {
    await once(input, "open").catch(() => {
      throw new CommandError(`${file} cannot be read`, ExitCode.failed);
    });
  }
  const report = await importRecords(store, input, { isOverwriting: overwrite });
  await output.result(report, () =>
    pairs([
      ["imported", count(report.imported)],
      ["there already", count(report.present)],
      ["expired", count(report.expired)],
    ]),
  );
}
