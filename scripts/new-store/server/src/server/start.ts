import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { Socket } from "node:net";
import { fileURLToPath } from "node:url";

/** A server in a process of its own, on a port of this host. */
export class RunningServer {
  readonly port: number;
  readonly #child: ChildProcess;

  constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Ends the process, and resolves when it has ended. */
  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.ref();
    this.#child.kill("SIGKILL");
    await ended;
  }

  /** Stops the process without ending it, like a frozen machine. */
  pause(): void {
    this.#child.kill("SIGSTOP");
  }
}

/** Starts the small server of the tests and examples. In production, use your own. */
export async function startServer(): Promise<RunningServer> {
  const main = fileURLToPath(new URL("./main.js", import.meta.url));
  const child = spawn(process.execPath, [main], { stdio: ["pipe", "pipe", "inherit"] });
  const [port] = (await Promise.race([
    once(child.stdout, "data"),
    once(child, "exit").then(([code]) => Promise.reject(new Error(`the server ended with ${code}`))),
  ])) as [Buffer];
  // Ends with the parent process, and does not keep it alive.
  for (const stream of [child.stdin, child.stdout]) (stream as Partial<Socket>).unref?.();
  child.unref();
  return new RunningServer(child, Number(port.toString()));
}
