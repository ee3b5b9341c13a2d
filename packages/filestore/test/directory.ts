import { createHash } from "node:crypto";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";

/** Makes a directory that is removed after the test. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "scs-filestore-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}

/** Returns the file of a session, by the documented rule. */
export function pathOf(directory: string, token: string): string {
  const name = createHash("sha256").update(token).digest("hex");
  return join(directory, name.slice(0, 2), `${name}.session`);
}

/** Lists the names of all files in the directory except sessions. */
export function othersIn(directory: string): string[] {
  return readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory() && !entry.name.endsWith(".session"))
    .map(({ name }) => name);
}

/** Returns tokens whose files are all in one shard. */
export function tokensOfOneShard(directory: string, count: number): string[] {
  const tokens: string[] = [];
  const shard = dirname(pathOf(directory, "t0"));
  for (let n = 0; tokens.length < count; n++)
    if (dirname(pathOf(directory, `t${n}`)) === shard) tokens.push(`t${n}`);
  return tokens;
}
