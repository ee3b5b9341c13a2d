import { fork } from "node:child_process";
import { fileURLToPath } from "node:url";

/**
 * Runs a script of this folder in a process of its own, so that no contender inherits the heap or the
 * compiled code of another, and gives what it sends.
 */
export function runInChild<Result>(script: string, request: object): Promise<Result> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL(script, import.meta.url)), [JSON.stringify(request)], {
      execArgv: [...new Set([...process.execArgv, "--expose-gc"])],
    });
    child.on("message", resolve);
    child.on("error", reject);
    child.on("exit", (code, signal) =>
      reject(new Error(`${script} ended with ${code ?? signal} before its result`)),
    );
  });
}

/** In the child: answers the request that {@link runInChild} made. */
export async function answer<Request, Result>(measure: (request: Request) => Promise<Result>): Promise<void> {
  const result = await measure(JSON.parse(process.argv[2] ?? "{}"));
  await new Promise((resolve) => process.send?.(result, resolve));
  process.disconnect?.();
}

/** Collects garbage until nothing is left that could be counted, or collected while the clock runs. */
export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error("run node with --expose-gc");
  for (let i = 0; i < 4; i++) globalThis.gc();
}
