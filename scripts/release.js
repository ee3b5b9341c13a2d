// npm run release, in CI: publishes each package whose version npm does not have yet.

import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { pnpm } from "./pnpm.js";

execFileSync(process.execPath, [fileURLToPath(new URL("manifests.js", import.meta.url))], {
  stdio: "inherit",
});
process.exitCode = pnpm("exec", "changeset", "publish");
