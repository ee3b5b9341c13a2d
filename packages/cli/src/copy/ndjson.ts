import { createInterface } from "node:readline";
import type { FullStore, SessionEntry } from "@scs/core";
import { CommandError, ExitCode } from "../exit-code.js";
import { inWindow } from "../window.js";

/** Writes each live record as one line of JSON: key, expiry, data in base64. */
export async function exportRecords(
  store: FullStore,
  write: (line: string) => Promise<void>,
): Promise<number> {
  let count = 0;
  for await (const line of linesOf(store)) {
    await write(line);
    count++;
  }
  return count;
}

/** Yields the lines that {@link exportRecords} writes. */
export async function* linesOf(store: FullStore): AsyncGenerator<string> {
  for await (const { token, data, expiry } of store.entries()) {
    yield JSON.stringify({ token, expiry: expiry.toISOString(), data: Buffer.from(data).toString("base64") });
  }
}

/** The result of an import. */
export interface ImportReport {
  imported: number;
  /** Number of records that already existed, and were kept. */
  present: number;
  /** Number of records that had already expired. */
  expired: number;
}

/**
 * Imports the output of {@link exportRecords}. Keeps existing records, unless `isOverwriting`.
 *
 * @throws CommandError with the number of the first invalid line. The lines before it have been imported.
 */
export async function importRecords(
  store: FullStore,
  input: NodeJS.ReadableStream,
  { isOverwriting }: { isOverwriting: boolean },
): Promise<ImportReport> {
  const report: ImportReport = { imported: 0, present: 0, expired: 0 };
  await inWindow(recordsIn(input), 512, async ({ token, data, expiry }) => {
    if (expiry.getTime() <= Date.now()) report.expired++;
    else if (isOverwriting) {
      await store.commit(token, data, expiry);
      report.imported++;
    } else if (await store.replace(token, undefined, data, expiry)) report.imported++;
    else report.present++;
  });
  return report;
}

async function* recordsIn(input: NodeJS.ReadableStream): AsyncGenerator<SessionEntry> {
  let number = 0;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    number++;
    if (line.trim() !== "") yield recordIn(line, number);
  }
}

function recordIn(line: string, number: number): SessionEntry {
  let found: Record<string, unknown> = {};
  try {
    found = Object(JSON.parse(line));
  } catch {
    // The message does not quote the line, which may be session data.
  }
  const { token, data, expiry } = found;
  const isRecord = typeof token === "string" && typeof data === "string" && typeof expiry === "string";
  const ends = new Date(String(expiry));
  if (!isRecord || Number.isNaN(ends.getTime())) {
    throw new CommandError(`line ${number} is not a record of an export`, ExitCode.failed);
  }
  return { token, data: Buffer.from(data, "base64"), expiry: ends };
}
