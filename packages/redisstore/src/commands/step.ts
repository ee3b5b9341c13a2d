import type { Answer } from "@scs/core/kit";
import type { Command, Reply } from "../drivers/driver.js";
import { replyCode } from "../drivers/reply-error.js";
import type { Script } from "./scripts.js";

/** A command or script, and the calls that it executes. */
export interface Step {
  command: Command;
  readonly script?: Script;
  /** Converts a reply that is no error into answers. */
  readonly answersOf: (reply: Reply) => Answer[];
  /** Positions of the calls in the batch. */
  readonly places: readonly number[];
}

/** Returns the result of a script for each key: a single 1 stands for all. */
export function resultsOf(reply: Reply, count: number): readonly Reply[] {
  return reply === 1 ? new Array(count).fill(1) : (reply as readonly Reply[]);
}

/** Puts the answers of a step, or its error for each call, at their places. */
export function settle({ answersOf, places }: Step, reply: Reply, answers: Answer[]): void {
  const isError = reply instanceof Error && replyCode(reply) !== "WRONGTYPE";
  const own = isError ? undefined : answersOf(reply);
  for (const [index, place] of places.entries())
    answers[place] = own === undefined ? (reply as Error) : own[index];
}
