import { type ChildProcess, fork } from "node:child_process";
import { on } from "node:events";
import { limitTime } from "./time-limit.js";

const running = new Set<ChildProcess>();
let isBrokenOff = false;

/** The last message to a child. */
const END = "end";
/** Number of characters of a child's standard error that are kept. */
const KEPT_ERRORS = 4096;

/**
 * Runs a script in a process of its own, so that no contender inherits the heap or the compiled code of another. The
 * script answers messages one by one ({@link answerEach}).
 */
export class Child<Message extends object, Answer> {
  readonly #process: ChildProcess;
  /** Rejects when the process has ended, with or without an error. */
  readonly #ended: Promise<never>;

  constructor(script: URL, request: object) {
    if (isBrokenOff) throw new Error("the run was stopped");
    const child = fork(script, [JSON.stringify(request)], {
      execArgv: [...process.execArgv, "--expose-gc"],
      stdio: ["ignore", "ignore", "pipe", "ipc"],
    });
    endWithRun(child);
    let errors = "";
    child.stderr?.on("data", (text: Buffer) => {
      errors = `${errors}${text}`.slice(-KEPT_ERRORS);
    });
    this.#process = child;
    this.#ended = new Promise((_resolve, reject) => {
      child.on("error", reject);
      child.once("close", (code, signal) =>
        reject(new Error(`its process ended with ${code ?? signal}${lastErrorOf(errors)}`)),
      );
    });
    this.#ended.catch(() => undefined); // awaited by `ask` and `end`
  }

  /** Sends a message and returns the answer. @throws Error if the process ends, or is killed after `limitMs` */
  async ask(message: Message, limitMs: number): Promise<Answer> {
    const child = this.#process;
    let endLimit: () => void = () => undefined;
    let onMessage: (answer: unknown) => void = () => undefined;
    const answer = new Promise<Answer>((resolve, reject) => {
      onMessage = (given) => resolve(given as Answer);
      child.once("message", onMessage);
      endLimit = limitTime(child, limitMs, (what) => reject(new Error(what)));
      tell(child, message);
    });
    try {
      return await Promise.race([answer, this.#ended]);
    } finally {
      endLimit();
      child.off("message", onMessage);
    }
  }

  /** Asks the script to end, and kills it after `limitMs`. Returns the reason if it failed. */
  async end(limitMs: number): Promise<string | undefined> {
    const child = this.#process;
    let lateness: string | undefined;
    const endLimit = limitTime(child, limitMs, (what) => {
      lateness = what;
    });
    tell(child, END); // not `disconnect`: a disconnected child emits no `close`
    const end = await this.#ended.catch((error: Error) => error.message);
    endLimit();
    return lateness ?? (child.exitCode === 0 ? undefined : end);
  }
}

/** Sends a message, and ignores that a child may have ended, which is reported elsewhere. */
function tell(child: ChildProcess, message: object | string): void {
  if (child.connected) child.send(message, () => undefined);
}

/** Returns the line with the message of an uncaught error. */
function lastErrorOf(errors: string): string {
  const line = errors.split("\n").find((each) => /^\w*Error\b/.test(each));
  return line === undefined ? "" : `: ${line}`;
}

/** Registers a process that {@link breakOff} ends as well. */
export function endWithRun(child: ChildProcess): void {
  running.add(child);
  child.once("close", () => running.delete(child));
}

/** Kills all running children and starts no more. Pending calls reject. */
export function breakOff(): void {
  isBrokenOff = true;
  for (const child of running) child.kill("SIGKILL");
}

/** In the child: returns the request passed at the start. */
export function request<Request>(): Request {
  return JSON.parse(process.argv[2] ?? "{}");
}

/** In the child: answers messages one by one, until the parent ends it. */
export async function answerEach<Message, Answer>(
  answer: (message: Message) => Promise<Answer>,
): Promise<void> {
  process.once("disconnect", () => process.exit());
  for await (const [message] of on(process, "message")) {
    if (message === END) return;
    const reply = await answer(message as Message);
    await new Promise<void>((resolve, reject) =>
      process.send?.(reply, undefined, undefined, (error) => (error ? reject(error) : resolve())),
    );
  }
}

/**
 * Collects young garbage, so that no measurement includes it. A full collection would discard compiled code, and its
 * recompilation would be measured instead.
 */
export function collectYoungGarbage(): void {
  if (globalThis.gc === undefined) throw new Error("run node with --expose-gc");
  globalThis.gc({ type: "minor", execution: "sync" });
}
