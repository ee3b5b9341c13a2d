import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";
import { assertThat } from "./expectations.js";
import { explainEnd } from "./failure-text.js";
import type { Scenario } from "./process-scenario.js";

/** Timeout of a process, which only a failing store reaches, even on a busy machine. */
const LIMIT_MS = 55_000;

/** Runs a scenario of `child-process.ts` on the store that `module` opens. Rejects if the process fails. */
export async function runInProcess(scenario: Scenario, module: URL | string): Promise<void> {
  const main = fileURLToPath(new URL("./child-process.js", import.meta.url));
  const child = fork(main, [scenario, String(module)], {
    execArgv: ["--expose-gc"],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  let output = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  let isLate = false;
  const limit = setTimeout(() => {
    isLate = true;
    child.kill("SIGKILL");
  }, LIMIT_MS);
  try {
    const [code, signal] = await new Promise<[number | null, string | null]>((resolve, reject) => {
      child.once("error", reject).once("close", (code, signal) => resolve([code, signal]));
    });
    assertThat(!isLate, `the process did not end within ${LIMIT_MS / 1000} s: ${output}`);
    assertThat(code === 0, `the process ended with ${explainEnd(code, signal)}: ${output}`);
  } finally {
    clearTimeout(limit);
  }
}
