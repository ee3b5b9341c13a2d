import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const running = new Set<ChildProcess>();

export interface ChildOptions<Message> {
  /** Is called with each message that the child sends, and with what answers it. */
  onMessage?: (message: Message, reply: (answer: object) => void) => void;
  /** The child is ended after so many ms: something in it hangs. */
  limitMs?: number;
  /** Options of node, such as `--cpu-prof`. */
  nodeOptions?: readonly string[];
}

/**
 * Runs a script of this folder in a process of its own, so that no contender inherits the heap or the compiled code
 * of another. Resolves when it has ended well.
 */
export function runInChild<Message>(
  script: string,
  request: object,
  { onMessage, limitMs, nodeOptions = [] }: ChildOptions<Message> = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(new URL(script, import.meta.url)), [JSON.stringify(request)], {
      execArgv: [...new Set([...process.execArgv, "--expose-gc", ...nodeOptions])],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    running.add(child);
    let isLate = false;
    let errors = "";
    const timer =
      limitMs === undefined
        ? undefined
        : setTimeout(() => {
            isLate = true;
            child.kill("SIGKILL");
          }, limitMs);
    child.stderr?.on("data", (text: Buffer) => {
      errors = `${errors}${text}`.slice(-4096);
    });
    if (onMessage !== undefined) {
      child.on("message", (message) => onMessage(message as Message, (answer) => child.send(answer)));
    }
    child.once("error", reject);
    child.once("close", (code, signal) => {
      clearTimeout(timer);
      running.delete(child);
      if (code === 0) resolve();
      else if (isLate) reject(new Error(`it had not ended after ${Number(limitMs) / 1000} s`));
      else reject(new Error(`its process ended with ${code ?? signal}${lastError(errors)}`));
    });
  });
}

/** The line of an uncaught error that says what it was. */
function lastError(errors: string): string {
  const line = errors.split("\n").find((each) => /^\w*Error\b/.test(each));
  return line === undefined ? "" : `: ${line}`;
}

/** Ends the children that are running, at once: the run was broken off. */
export function killChildren(): void {
  for (const child of running) child.kill("SIGKILL");
}

/** In the child: the request that {@link runInChild} made. */
export function request<Request>(): Request {
  return JSON.parse(process.argv[2] ?? "{}");
}

/** In the child: sends a message, and resolves when it is on its way. */
export function send(message: unknown): Promise<void> {
  return new Promise((resolve, reject) => {
    if (process.send === undefined) return reject(new Error("this script is run by the benchmark"));
    process.send(message, undefined, undefined, (error) => (error ? reject(error) : resolve()));
  });
}

/** In the child: sends a message, and resolves with what the parent answers. */
export async function ask<Answer>(message: unknown): Promise<Answer> {
  const answer = once(process, "message");
  await send(message);
  return (await answer)[0];
}

/** Collects garbage; with more than one pass, until nothing is left that could be counted. */
export function collectGarbage(passes = 4): void {
  if (globalThis.gc === undefined) throw new Error("run node with --expose-gc");
  for (let pass = 0; pass < passes; pass++) globalThis.gc();
}
