import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { onTestFinished } from "vitest";

/** Makes a directory that is removed after the test. */
export function makeDirectory(): string {
  const directory = mkdtempSync(join(tmpdir(), "scs-boltstore-"));
  onTestFinished(() => rmSync(directory, { recursive: true }));
  return directory;
}
