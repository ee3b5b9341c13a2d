import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const examples = fileURLToPath(new URL("../..", import.meta.url));
const observer = fileURLToPath(new URL("observe.mjs", import.meta.url));

export interface Example {
  /** The folder of the example. */
  name: string;
  /** What follows `node`, in that folder. */
  args: readonly string[];
  /** The program that runs it, if it is not this one. */
  node?: string;
  /** What `POST` adds a note. */
  notes: string;
  env?: Record<string, string>;
  /** What a proxy in front of it would say. */
  headers?: Record<string, string>;
}

/** An example in a process of its own, and what its sessions ask of the store. */
export class RunningExample implements AsyncDisposable {
  readonly url: string;
  readonly example: Example;
  readonly #child: ChildProcess;
  readonly #folder: string;
  output = "";

  private constructor(example: Example, port: number) {
    this.example = example;
    this.url = `http://127.0.0.1:${port}`;
    this.#folder = mkdtempSync(join(tmpdir(), "example-"));
    for (const file of ["calls", "minutes"]) writeFileSync(join(this.#folder, file), "");
    this.#child = spawn(example.node ?? process.execPath, example.args, {
      cwd: join(examples, example.name),
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        ...{ NODE_ENV: "production", PORT: String(port), HOST: "127.0.0.1", HOSTNAME: "127.0.0.1" },
        NODE_OPTIONS: `--import=${pathToFileURL(observer).href}`,
        OBSERVED_CALLS: join(this.#folder, "calls"),
        OBSERVED_MINUTES: join(this.#folder, "minutes"),
        ...example.env,
      },
    });
  }

  /** Resolves when the example has said that it serves. */
  static async start(example: Example): Promise<RunningExample> {
    const running = new RunningExample(example, await freePort());
    await new Promise<void>((resolve, reject) => {
      const listen = (text: Buffer): void => {
        running.output += text;
        if (/http:\/\/\S+:\d+|Ready in/.test(running.output)) resolve();
      };
      running.#child.stdout?.on("data", listen);
      running.#child.stderr?.on("data", listen);
      running.#child.once("close", (code) => reject(new Error(`ended with ${code}: ${running.output}`)));
    });
    return running;
  }

  /** Returns what was asked of the store since it was asked last. */
  takeCalls(): string[] {
    const file = join(this.#folder, "calls");
    const calls = readFileSync(file, "utf8").split("\n").filter(Boolean);
    writeFileSync(file, "");
    return calls;
  }

  advance(minutes: number): void {
    appendFileSync(join(this.#folder, "minutes"), ".".repeat(minutes));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null) {
      const ended = new Promise((resolve) => this.#child.once("close", resolve));
      this.#child.kill("SIGKILL");
      await ended;
    }
    rmSync(this.#folder, { recursive: true });
  }
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => server.close(resolve));
  return port;
}
