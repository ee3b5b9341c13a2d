import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, it } from "vitest";

const script = fileURLToPath(new URL("../scripts/rehearse-release.js", import.meta.url));

it("a release versions and publishes every package, and each installs by its README", async () => {
  const { stdout } = await promisify(execFile)(process.execPath, [script, "--short"]);
  expect(stdout).toContain("The release works.");
});
