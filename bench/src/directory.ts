import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

/** Makes a directory for the files of one contender, which removes it when it closes. */
export function makeDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), "scs-bench-"));
}
