import { type ChildProcess, spawn } from "node:child_process";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { AddressInfo } from "node:net";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";

const examples = fileURLToPath(new URL("../..", import.meta.url));
const observer = fileURLToPath(new URL("observe.mjs", import.meta.url));

export interface Prefetch {
  url: RegExp;
  /** Whether it restarts the idle timeout. */
  isUse: boolean;
  /** An expression that becomes true in the page when its link reacts to the mouse. @default when the page is loaded */
  isReady?: string;
}

export interface Example {
  /** Its folder under `examples`. */
  folder: string;
  /** Arguments of `node`, in that folder. */
  args: readonly string[];
  /** Path of the Node.js that runs the example. @default the Node.js of the tests */
  node?: string;
  /** Path for posting a note. */
  notes: string;
  /** The prefetch of the link "About". */
  prefetch?: Prefetch;
  env?: Record<string, string>;
  /** Headers of a proxy. */
  headers?: Record<string, string>;
}

/** An example in its own process, with a record of its calls of the store and a clock that can be moved. */
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
      cwd: join(examples, example.folder),
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

  /** Starts an example, and waits for its message that it listens. */
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

  /** Returns the calls of the store since the last `takeCalls`. */
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
