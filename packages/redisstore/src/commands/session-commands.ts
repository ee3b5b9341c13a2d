import { report, StoreError } from "@scs/core";
import type { Answer, Call } from "@scs/core/kit";
import type { Connection } from "../connection/connection.js";
import type { Argument, Command, Reply } from "../drivers/driver.js";
import { replyCode } from "../drivers/reply-error.js";
import { COMMIT, INSERT, REMOVE_EXPIRED, type Script, TOUCH, UPDATE } from "./scripts.js";
import { resultsOf, type Step, settle } from "./step.js";
import { argumentOf, decodeValue, encodeTime, encodeValue, serverExpiry } from "./value.js";

export interface SessionCommandsOptions {
  prefix: string;
  /** The app's clock; `undefined` if the server's clock decides. */
  now: (() => number) | undefined;
  /** Number of replicas that must confirm a write. */
  waitReplicas: number;
  timeoutMs: number;
  onError: (error: StoreError) => void;
}

/** Executes calls as commands of Redis. */
export class SessionCommands {
  readonly #options: SessionCommandsOptions;

  constructor(options: SessionCommandsOptions) {
    this.#options = options;
  }

  /** The app's time as an argument of a script; empty if the server's clock decides. */
  get nowArgument(): string {
    const { now } = this.#options;
    return now === undefined ? "" : encodeTime(now());
  }

  keyOf(token: string): string {
    return this.#options.prefix + token;
  }

  /**
   * Sends calls in one write, and returns their answers. Errors among them are the driver's own.
   *
   * @param areTogether Whether one command may execute several calls: not in a cluster, where keys are in different slots.
   */
  async run(connection: Connection, calls: readonly Call[], areTogether: boolean): Promise<Answer[]> {
    const [first] = calls;
    if (calls.length === 1 && first?.kind === "find")
      return [this.#recordOf(await connection.send(["GET", this.keyOf(first.token)]))];
    const steps = areTogether && calls.length > 1 ? this.#stepsTogether(calls) : this.#stepsAlone(calls);
    const answers: Answer[] = new Array(calls.length);
    await this.#take(connection, steps, answers);
    const writes = calls.some(({ kind }) => kind !== "find");
    if (writes && this.#options.waitReplicas > 0) await this.#confirm(connection, calls, answers);
    return answers;
  }

  /** Sends one call, with ASKING, to the server that takes over its slot. */
  async ask(connection: Connection, call: Call): Promise<Answer> {
    const [step] = this.#stepsAlone([call]) as [Step];
    const answers: Answer[] = [];
    await this.#take(connection, [step], answers, true);
    if (call.kind !== "find" && this.#options.waitReplicas > 0)
      await this.#confirm(connection, [call], answers);
    return answers[0];
  }

  /** Removes expired records by the app's clock. Returns for each key whether it was removed, or the driver's error. */
  async removeExpired(
    connection: Connection,
    keys: readonly string[],
    isAsking = false,
  ): Promise<(boolean | Error)[]> {
    if (keys.length === 0) return [];
    const answers: Answer[] = [];
    const steps = keys.map((key, index): Step => {
      const command: Command = ["EVALSHA", REMOVE_EXPIRED.sha, "1", key, this.nowArgument];
      const answersOf = (reply: Reply): Answer[] => {
        const [result] = resultsOf(reply, 1);
        return [typeof result === "number" ? result === 1 : new Error(String(result))];
      };
      return { command, script: REMOVE_EXPIRED, answersOf, places: [index] };
    });
    await this.#take(connection, steps, answers, isAsking);
    return answers as (boolean | Error)[];
  }

  async #take(
    connection: Connection,
    steps: readonly Step[],
    answers: Answer[],
    isAsking = false,
  ): Promise<void> {
    const asking: Command = ["ASKING"];
    const send = async (commands: readonly Command[]): Promise<readonly Reply[]> => {
      const [only] = commands;
      if (isAsking)
        return (await connection.sendAll(commands.flatMap((command) => [asking, command]))).filter(
          (_, i) => i % 2,
        );
      return commands.length === 1 && only !== undefined
        ? [await connection.send(only)]
        : connection.sendAll(commands);
    };
    const replies = await send(steps.map(({ command }) => command));
    const unknown: Step[] = [];
    for (const [index, step] of steps.entries()) {
      const reply = replies[index] as Reply;
      if (reply instanceof Error && step.script !== undefined && replyCode(reply) === "NOSCRIPT")
        unknown.push({ ...step, command: ["EVAL", step.script.source, ...step.command.slice(2)] });
      else settle(step, reply, answers);
    }
    if (unknown.length === 0) return;
    const again = await send(unknown.map(({ command }) => command));
    for (const [index, step] of unknown.entries()) settle(step, again[index] as Reply, answers);
  }

  /** Waits until replicas have confirmed the earlier writes on the connection; replaces the answers of unconfirmed writes. */
  async #confirm(connection: Connection, calls: readonly Call[], answers: Answer[]): Promise<void> {
    const { waitReplicas, timeoutMs } = this.#options;
    const isWritten = (index: number): boolean => {
      const answer = answers[index];
      return calls[index]?.kind !== "find" && !(answer instanceof Error) && answer !== false;
    };
    if (!calls.some((_, index) => isWritten(index))) return;
    const reply = connection.isReady
      ? await connection.send(["WAIT", String(waitReplicas), String(Math.ceil(timeoutMs / 2))])
      : new Error("the connection was lost");
    if (typeof reply === "number" && reply >= waitReplicas) return;
    const error = new StoreError(
      "UNAVAILABLE",
      `redisstore: written, but ${typeof reply === "number" ? `${reply} of` : "none of"} ${waitReplicas} replicas have confirmed it; a failover may lose it`,
      reply instanceof Error ? { cause: new Error(reply.message) } : {},
    );
    for (let index = 0; index < calls.length; index++) if (isWritten(index)) answers[index] = error;
  }

  #stepsAlone(calls: readonly Call[]): Step[] {
    return calls.map((call, index) => this.#stepOf([call], [index]));
  }

  #stepsTogether(calls: readonly Call[]): Step[] {
    const groups = new Map<string, { calls: Call[]; places: number[] }>();
    for (const [index, call] of calls.entries()) {
      const kind = call.kind === "replace" && call.previous === undefined ? "insert" : call.kind;
      let group = groups.get(kind);
      if (group === undefined) {
        group = { calls: [], places: [] };
        groups.set(kind, group);
      }
      group.calls.push(call);
      group.places.push(index);
    }
    return [...groups.values()].map((group) => this.#stepOf(group.calls, group.places));
  }

  /** Makes the step for calls of one kind. */
  #stepOf(calls: readonly Call[], places: readonly number[]): Step {
    const [call] = calls as readonly [Call];
    const key = this.keyOf(call.token);
    const isAlone = calls.length === 1;
    switch (call.kind) {
      case "find":
        return isAlone
          ? { command: ["GET", key], answersOf: (reply) => [this.#recordOf(reply)], places }
          : {
              command: ["MGET", ...calls.map(({ token }) => this.keyOf(token))],
              answersOf: (reply) => (reply as Reply[]).map((value) => this.#recordOf(value)),
              places,
            };
      case "delete":
        return {
          command: ["UNLINK", ...calls.map(({ token }) => this.keyOf(token))],
          answersOf: () => calls.map(() => undefined),
          places,
        };
      case "commit":
        if (isAlone) {
          const value = encodeValue(call.data, call.expiry);
          const expiry = this.#expiryOf(call.expiry);
          const command: Command = expiry === "" ? ["SET", key, value] : ["SET", key, value, "PXAT", expiry];
          return { command, answersOf: () => [undefined], places };
        }
        return this.#scriptStep(COMMIT, calls, places);
      case "replace":
        return this.#scriptStep(call.previous === undefined ? INSERT : UPDATE, calls, places);
      case "touch":
        return this.#scriptStep(TOUCH, calls, places);
    }
  }

  #scriptStep(script: Script, calls: readonly Call[], places: readonly number[]): Step {
    const isCommit = script === COMMIT;
    const command: [string, ...Argument[]] = ["EVALSHA", script.sha, String(calls.length)];
    for (const { token } of calls) command.push(this.keyOf(token));
    command.push(this.nowArgument);
    for (const call of calls) this.#pushFields(command, call);
    const answerOf = (result: Reply): Answer => {
      if (typeof result !== "number") return new Error(String(result));
      if (result >= 2) this.reportDamage();
      return isCommit ? undefined : result % 2 === 1;
    };
    return { command, script, answersOf: (reply) => resultsOf(reply, calls.length).map(answerOf), places };
  }

  #pushFields(command: Argument[], call: Call): void {
    if (call.kind === "find" || call.kind === "delete") return;
    const { expiry } = call;
    command.push(call.kind === "touch" ? encodeTime(expiry) : encodeValue(call.data, expiry));
    command.push(this.#expiryOf(expiry));
    if (call.kind === "replace" && call.previous !== undefined) command.push(argumentOf(call.previous));
  }

  /** Returns the time for PXAT; empty if the app's clock decides, so that the server expires nothing. */
  #expiryOf(expiry: number): string {
    return this.#options.now === undefined ? serverExpiry(expiry) : "";
  }

  /** Converts a stored value into the answer to a find. */
  #recordOf(value: Reply): Answer {
    if (value === null) return undefined;
    if (value instanceof Error && replyCode(value) !== "WRONGTYPE") return value;
    const record = decodeValue(value);
    if (record === undefined) {
      this.reportDamage();
      return undefined;
    }
    const { now } = this.#options;
    return now !== undefined && record.expiry.getTime() <= now() ? undefined : record;
  }

  /** Reports a damaged record, which logs out only its own user. */
  reportDamage(): void {
    const message =
      "redisstore: a key with the prefix holds no session; it counts as absent, and stays until it is overwritten";
    report(this.#options.onError, new StoreError("CORRUPT", message));
  }
}
