import { type ChildProcess, spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

const main = fileURLToPath(new URL("../dist/main.js", import.meta.url));

/** Runs the example in a process of its own, as `npm run demo` does. */
export class RunningShop {
  readonly #child: ChildProcess;
  output = "";
  address = "";

  private constructor(args: readonly string[]) {
    this.#child = spawn(process.execPath, [main, ...args], { stdio: ["ignore", "pipe", "pipe"] });
  }

  /** Starts the shop. Resolves when it has printed its address. */
  static async open(...args: string[]): Promise<RunningShop> {
    const shop = new RunningShop(args);
    const { stdout, stderr } = shop.#child;
    await new Promise<void>((resolve, reject) => {
      const listen = (text: Buffer): void => {
        shop.output += text;
        shop.address = /open at (http:\S+) .*curl.*\/me\n/s.exec(shop.output)?.[1] ?? "";
        if (shop.address !== "") resolve();
      };
      stdout?.on("data", listen);
      stderr?.on("data", listen);
      shop.#child.once("close", (code) => reject(new Error(`ended with ${code}: ${shop.output}`)));
    });
    return shop;
  }

  /** Sends the signal of Ctrl-C, and returns the exit code. */
  async stop(): Promise<number | null> {
    if (this.#child.exitCode !== null) return this.#child.exitCode;
    const ended = new Promise<number | null>((resolve) => this.#child.once("close", resolve));
    this.#child.kill("SIGINT");
    return ended;
  }
}
