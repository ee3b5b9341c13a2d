import { confirm, isCancel } from "@clack/prompts";
import { CommandError, ExitCode } from "./exit-code.js";

/**
 * Asks before a step that cannot be undone.
 *
 * @throws CommandError if the answer is no, or if there is no terminal and `--yes` was not given.
 */
export async function confirmed(question: string, isYes: boolean | undefined): Promise<void> {
  if (isYes === true) return;
  if (!process.stdin.isTTY || !process.stdout.isTTY) {
    throw new CommandError(`${question} There is no terminal to ask on: confirm with --yes.`);
  }
  const answer = await confirm({ message: question, initialValue: false });
  if (isCancel(answer) || !answer) throw new CommandError("Nothing was changed.", ExitCode.cancelled);
}
