import { type ChildProcess, fork } from "node:child_process";
import { on, once } from "node:events";
import { fileURLToPath } from "node:url";
import { limitTime } from "./time-limit.js";

const running = new Set<ChildProcess>();
let isBrokenOff = false;

export interface ChildOptions<Message> {
  /** Is called with each message that the child sends, and with what answers it. */
  onMessage?: (message: Message, reply: (answer: object) => void) => void;
  /** The child is ended after so many ms: something in it hangs. */
  limitMs?: number;
  /** Options of node, such as `--cpu-prof`. */
  nodeOptions?: readonly string[];
  /** Ends the child at once. */
  signal?: AbortSignal;
}

/** Starts a script of this folder in a process of its own. What it writes to its standard error is kept, the end of it. */
function start(script: string, request: object, nodeOptions: readonly string[], signal?: AbortSignal) {
  if (isBrokenOff) throw new Error("the run was broken off");
  const child = fork(fileURLToPath(new URL(script, import.meta.url)), [JSON.stringify(request)], {
    execArgv: [...process.execArgv, "--expose-gc", ...nodeOptions],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
    ...(signal !== undefined && { signal, killSignal: "SIGKILL" }),
  });
  endWithRun(child);
  let errors = "";
  child.stderr?.on("data", (text: Buffer) => {
    errors = `${errors}${text}`.slice(-4096);
  });
  return { child, lastError: () => lastErrorOf(errors) };
}

/**
 * Runs a script of this folder in a process of its own, so that no contender inherits the heap or the compiled code
 * of another. Resolves when it has ended well.
 */
export function runInChild<Message>(
  script: string,
  request: object,
  { onMessage, limitMs, nodeOptions = [], signal }: ChildOptions<Message> = {},
): Promise<void> {
  return new Promise((resolve, reject) => {
    const { child, lastError } = start(script, request, nodeOptions, signal);
    let lateness: string | undefined;
    const endLimit =
      limitMs === undefined
        ? undefined
        : limitTime(child, limitMs, (what) => {
            lateness = what;
          });
    if (onMessage !== undefined) {
      child.on("message", (message) => onMessage(message as Message, (answer) => tell(child, answer)));
    }
    child.on("error", reject);
    child.once("close", (code, killedBy) => {
      endLimit?.();
      if (code === 0) resolve();
      else if (lateness !== undefined) reject(new Error(lateness));
      else reject(new Error(`its process ended with ${code ?? killedBy}${lastError()}`));
    });
  });
}

/** A script of this folder that answers one message after the other, in a process of its own. */
export class Answering<Message extends object, Answer> {
  readonly #child: ChildProcess;
  /** Rejects when the process has ended, well or not. */
  readonly #ended: Promise<never>;

  constructor(script: string, request: object, nodeOptions: readonly string[] = []) {
    const { child, lastError } = start(script, request, nodeOptions);
    this.#child = child;
    this.#ended = new Promise((_resolve, reject) => {
      child.on("error", reject);
      child.once("close", (code, signal) =>
        reject(new Error(`its process ended with ${code ?? signal}${lastError()}`)),
      );
    });
    this.#ended.catch(() => undefined); // is asked for, or does not matter
  }

  /** @throws Error if the process ends, or gives no answer in time: then it is ended. */
  async ask(message: Message, limitMs: number): Promise<Answer> {
    const child = this.#child;
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

  /** Lets the script end, or kills it if it does not in time. Gives what was wrong with its end. */
  async end(limitMs: number): Promise<string | undefined> {
    const child = this.#child;
    let lateness: string | undefined;
    const endLimit = limitTime(child, limitMs, (what) => {
      lateness = what;
    });
    // Not `disconnect`: a child that is disconnected has no `close`.
    tell(child, END);
    const end = await this.#ended.catch((error: Error) => error.message);
    endLimit();
    return lateness ?? (child.exitCode === 0 ? undefined : end);
  }
}

/** Sends a message. A child that has ended, or is about to, does not hear it: its end says all, and is no error here. */
function tell(child: ChildProcess, message: object | string): void {
  if (child.connected) child.send(message, () => undefined);
}

/** The last message to an {@link Answering} script. */
const END = "end";

/** The line of an uncaught error that says what it was. */
function lastErrorOf(errors: string): string {
  const line = errors.split("\n").find((each) => /^\w*Error\b/.test(each));
  return line === undefined ? "" : `: ${line}`;
}

/** Lets {@link breakOff} end this process as well: a server that was started for the run. */
export function endWithRun(child: ChildProcess): void {
  running.add(child);
  child.once("close", () => running.delete(child));
}

/** Ends the children that are running, at once, and starts no others: what waits for them fails, and the run is over. */
export function breakOff(): void {
  isBrokenOff = true;
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

/** In the child: answers messages, one after the other, until its parent asks no more ({@link Answering}). */
export async function answerEach<Message, Answer>(
  answer: (message: Message) => Promise<Answer>,
): Promise<void> {
  process.once("disconnect", () => process.exit());
  for await (const [message] of on(process, "message")) {
    if (message === END) return;
    await send(await answer(message as Message));
  }
}

/** Collects garbage; with more than one pass, until nothing is left that could be counted. */
export function collectGarbage(passes = 4): void {
  if (globalThis.gc === undefined) throw new Error("run node with --expose-gc");
  for (let pass = 0; pass < passes; pass++) globalThis.gc();
}

/**
 * Collects what has just become garbage, so that nothing that is measured pays for it. Not everything: a forced full
 * collection throws away compiled code that refers to what has gone, which would be measured instead.
 */
export function collectYoungGarbage(): void {
  if (globalThis.gc === undefined) throw new Error("run node with --expose-gc");
  globalThis.gc({ type: "minor", execution: "sync" });
}
