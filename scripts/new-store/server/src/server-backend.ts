import { type SessionEntry, StoreError } from "@scs/core";
import type { Answer, Backend, Call, ReplaceCall } from "@scs/core/kit";
import { Connection } from "./connection.js";
import type { Command, Reply } from "./protocol.js";

const PAGE = 100;

export interface ServerBackendOptions {
  namespace: string;
  timeoutMs: number;
  /** The clock for expiry. @default the server's */
  now: (() => number) | undefined;
}

/** Executes each call as one command, which is one atomic step on the server. */
export class ServerBackend implements Backend {
  readonly #connection: Connection;
  readonly #namespace: string;
  readonly #now: (() => number) | undefined;

  constructor(address: { host?: string; port: number }, { namespace, timeoutMs, now }: ServerBackendOptions) {
    this.#connection = new Connection(address, timeoutMs);
    this.#namespace = namespace;
    this.#now = now;
  }

  async execute(call: Call): Promise<Answer> {
    const { kind, token } = call;
    const { previous, data, expiry } = call as Partial<ReplaceCall>; // undefined for other kinds of calls
    const [old, next] = [previous && encode(previous), data && encode(data)];
    const { record, done } = await this.#ask({ kind, token, previous: old, data: next, expiry });
    if (kind !== "find") return done;
    return record && { data: decode(record.data), expiry: new Date(record.expiry) };
  }

  async *pages(): AsyncGenerator<Iterable<SessionEntry>, void> {
    for (let after: string | undefined = ""; after !== undefined; ) {
      const { entries = [] }: Reply = await this.#ask({ kind: "list", after, limit: PAGE });
      yield entries.map(({ token, data, expiry }) => ({
        token,
        data: decode(data),
        expiry: new Date(expiry),
      }));
      after = entries.length < PAGE ? undefined : entries.at(-1)?.token;
    }
  }

  /** Removes expired records in batches, so that no command blocks the server for long. */
  async *removeExpired(): AsyncGenerator<number, void> {
    for (let removed = PAGE; removed === PAGE; ) {
      const reply: Reply = await this.#ask({ kind: "removeExpired", limit: PAGE });
      removed = reply.removed ?? 0;
      yield removed;
    }
  }

  close(): void {
    this.#connection.close();
  }

  /** Converts a driver's error by its code, and never quotes the command. */
  toStoreError(error: unknown): Error {
    if ((error as Error).name === "StoreError") return error as Error;
    return new StoreError("UNAVAILABLE", "mystore: the server does not answer", { cause: error });
  }

  #ask(command: Omit<Command, "namespace">): Promise<Reply> {
    return this.#connection.ask({ ...command, namespace: this.#namespace, now: this.#now?.() });
  }
}

const encode = (data: Uint8Array): string => Buffer.from(data).toString("base64");
const decode = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, "base64"));
