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
  for await (const { token, data, expiry } of store.entries()) {
    await write(
      JSON.stringify({ token, expiry: expiry.toISOString(), data: Buffer.from(data).toString("base64") }),
    );
    count++;
  }
  return count;
}

/** The result of an import. */
export interface ImportReport {
  imported: number;
  /** Records that were there already, and stay as they are. */
  present: number;
  /** Records that had expired. */
  expired: number;
}

/**
 * Reads what {@link exportRecords} wrote. A record that is there already stays, unless `isOverwriting`.
 *
 * @throws CommandError for a line that is no record, with its number; those before it have been imported.
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
    // The line itself is session data, and goes into no message.
  }
  const { token, data, expiry } = found;
  const isRecord = typeof token === "string" && typeof data === "string" && typeof expiry === "string";
  const ends = new Date(String(expiry));
  if (!isRecord || Number.isNaN(ends.getTime())) {
    throw new CommandError(`line ${number} is no record of an export`, ExitCode.failed);
  }
  return { token, data: Buffer.from(data, "base64"), expiry: ends };
}
