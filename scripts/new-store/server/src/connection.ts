import { connect, type Socket } from "node:net";
import { createInterface } from "node:readline";
import type { Command, Reply } from "./protocol.js";

interface Waiting {
  resolve: (reply: Reply) => void;
  reject: (error: Error) => void;
}

/**
 * One connection to the server, in place of your driver. The first command opens it. It keeps the process alive only while
 * a command is in flight. After an error or a timeout, all commands in flight reject.
 */
export class Connection {
  readonly #address: { host?: string; port: number };
  readonly #timeoutMs: number;
  #socket: Socket | undefined;
  #waiting: Waiting[] = [];

  constructor(address: { host?: string; port: number }, timeoutMs: number) {
    this.#address = address;
    this.#timeoutMs = timeoutMs;
  }

  /** Sends a command. Rejects with an error that has a `code` if there is no answer, or the server refuses. */
  ask(command: Command): Promise<Reply> {
    return new Promise((resolve, reject) => {
      this.#socket ??= this.#open();
      const socket = this.#socket;
      socket.ref();
      this.#waiting.push({ resolve, reject });
      socket.write(`${JSON.stringify(command)}\n`);
    });
  }

  close(): void {
    this.#socket?.destroy();
  }

  #open(): Socket {
    const socket = connect({ host: "127.0.0.1", ...this.#address, noDelay: true });
    socket.setTimeout(this.#timeoutMs, () => {
      const idle = this.#waiting.length === 0 && this.#socket === socket;
      if (!idle) socket.destroy(coded("ETIMEDOUT", `no answer within ${this.#timeoutMs} ms`));
    });
    createInterface({ input: socket })
      .on("line", (line) => this.#answer(line))
      .on("error", () => undefined); // the socket's error, which the handlers below report
    let cause = coded("ECONNRESET", "the connection was closed");
    socket.on("error", (error) => {
      cause = error;
    });
    socket.on("close", () => {
      if (this.#socket === socket) this.#socket = undefined;
      for (const { reject } of this.#waiting.splice(0)) reject(cause);
    });
    return socket;
  }

  #answer(line: string): void {
    const waiting = this.#waiting.shift();
    if (this.#waiting.length === 0) this.#socket?.unref();
    const reply = JSON.parse(line) as Reply;
    if (reply.error) waiting?.reject(coded(reply.error.code, reply.error.message));
    else waiting?.resolve(reply);
  }
}

const coded = (code: string, message: string): Error => Object.assign(new Error(message), { code });
